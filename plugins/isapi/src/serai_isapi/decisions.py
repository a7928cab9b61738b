"""Who decided about something that waited for a person, and why."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import attrs

from serai_isapi.shapes import Decision


@attrs.frozen
class Decider:
    """Somebody who decides, in the order of the columns `decided_by` to `decided_at`."""

    by: str
    """The client whose key it was."""
    person: str | None
    """The emplid of the colleague whose key it is; None for a system's."""
    reason: str
    at: datetime


def decision_of(row: Mapping[str, Any]) -> Decision | None:
    """What a row with the columns `decided_by` to `decision_reason` says of it."""
    if row["decided_by"] is None:
        return None
    return Decision(
        by=row["decided_by"], person=row["decided_person"], at=row["decided_at"], reason=row["decision_reason"]
    )
