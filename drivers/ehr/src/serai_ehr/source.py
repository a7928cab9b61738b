"""What a driver of the kind `ehr` gives: a consistent reading of the views."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Any, Protocol, runtime_checkable

import attrs

from serai_ehr.changed import Changed
from serai_ehr.views import View

Row = tuple[Any, ...]
"""Values in the order of `View.columns`, of the Python types that `ColumnType` names."""


@attrs.frozen
class ViewFault:
    """One way in which the source does not keep the contract: a view or column that is missing or of another type."""

    view: str
    column: str | None
    expected: str
    found: str


class Reading(Protocol):
    """One consistent look at the source: all views as of one moment."""

    clock: datetime
    """The source's own clock when the reading began; aware."""

    def batches(self, view: View, *, size: int = 1000, changed: Changed | None = None) -> AsyncIterator[list[Row]]:
        """The rows of the view, at most `size` at a time, in no particular order; never an empty batch.

        All of them, or those that `changed` describes: the source chooses them, so that the others never travel. A view
        that is not `stamped` is read whole all the same.
        """


@runtime_checkable
class Source(Protocol):
    """An HR system."""

    async def check(self) -> list[ViewFault]:
        """Compare the source's views with `VIEWS`; an empty list where all is as agreed."""

    def open(self) -> AbstractAsyncContextManager[Reading]:
        """Begin a reading; leaving it lets go of it, and it refuses to be read on.

        Raises `DeviceDown` when the source cannot be reached, or goes away while it is read.
        """
