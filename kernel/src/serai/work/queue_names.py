"""What the queue is called in the database."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec

from serai.data.tables import SCHEMA

CHANNEL = "queue"
FULL_CHANNEL = f"{SCHEMA}.{CHANNEL}"
TABLE = "pgqueuer"


def news() -> str:
    """The notification by which managers learn that there is work, as PgQueuer's trigger sends it."""
    return msgspec.json.encode(
        {
            "channel": FULL_CHANNEL,
            "operation": "update",
            "sent_at": datetime.now(UTC),
            "table": TABLE,
            "type": "table_changed_event",
        }
    ).decode()
