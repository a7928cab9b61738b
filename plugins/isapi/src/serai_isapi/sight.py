"""What is told of changes: hidden people do not exist in the feed either."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import attrs
from msgspec import structs

from serai import Context, Event, Principal
from serai_isapi.hidden import HiddenPeople
from serai_isapi.topics import EMPLOYEE, DepartmentChange, EmployeeChange

_RESPONSIBLE = ("leaders", "vps", "hrbps", "hrds")


def seen(ctx: Context, who: Principal, event: Event[Any]) -> Event[Any] | None:
    """The event as the caller may know it; None where it is of somebody hidden."""
    return without(ctx.get(HiddenPeople).of(who), event)


def without(
    hidden: Collection[str], event: Event[EmployeeChange | DepartmentChange]
) -> Event[EmployeeChange | DepartmentChange] | None:
    """The event as if these people were not."""
    if event.topic == EMPLOYEE.name and event.key in hidden:
        return None
    if not hidden or event.payload is None:
        return event
    names: dict[str, Any] = {}
    if event.payload.manager_emplid in hidden:
        names["manager_emplid"] = None
    if isinstance(event.payload, DepartmentChange):
        for field in _RESPONSIBLE:
            names[field] = [emplid for emplid in getattr(event.payload, field) if emplid not in hidden]
    return attrs.evolve(event, payload=structs.replace(event.payload, **names))
