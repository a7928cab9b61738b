"""Settings that every driver which reads views from a database has."""

from __future__ import annotations

from typing import Any
from zoneinfo import ZoneInfo

from serai_ehr.views import VIEWS


def known_views(_instance: Any, _attribute: Any, value: dict[str, str]) -> None:
    """Refuse names that the contract does not have; an attrs validator of `{view: place}`."""
    known = {view.name for view in VIEWS}
    for name in value:
        if name not in known:
            raise ValueError(f"{name} is no view of the contract: {', '.join(sorted(known))}")


def known_zone(_instance: Any, _attribute: Any, value: str) -> None:
    """Refuse what is no time zone; an attrs validator."""
    try:
        ZoneInfo(value)
    except (ValueError, KeyError, OSError) as error:
        raise ValueError(f'"{value}" is no time zone such as "Asia/Shanghai"') from error
