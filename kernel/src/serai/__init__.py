"""Serai: a small aiohttp kernel that hosts a company's internal systems as plugins.

What this module exports is the kernel API; everything else in the package is private to it. Names are imported when
first used, because importing all of them costs a second.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from serai.config import Secret as Secret
    from serai.context import (
        Answer as Answer,
    )
    from serai.context import (
        Audit as Audit,
    )
    from serai.context import (
        Call as Call,
    )
    from serai.context import (
        Context as Context,
    )
    from serai.context import (
        Database as Database,
    )
    from serai.context import (
        Devices as Devices,
    )
    from serai.context import (
        Feed as Feed,
    )
    from serai.context import (
        Fields as Fields,
    )
    from serai.context import (
        Http as Http,
    )
    from serai.context import (
        Keys as Keys,
    )
    from serai.context import (
        Principal as Principal,
    )
    from serai.context import (
        Queue as Queue,
    )
    from serai.context import (
        Redacted as Redacted,
    )
    from serai.context import (
        Relations as Relations,
    )
    from serai.context import (
        Run as Run,
    )
    from serai.context import (
        Services as Services,
    )
    from serai.context import (
        View as View,
    )
    from serai.context import (
        Viewer as Viewer,
    )
    from serai.declarations import (
        Api as Api,
    )
    from serai.declarations import (
        Driver as Driver,
    )
    from serai.declarations import (
        Encoded as Encoded,
    )
    from serai.declarations import (
        EncryptedColumn as EncryptedColumn,
    )
    from serai.declarations import (
        Event as Event,
    )
    from serai.declarations import (
        Followed as Followed,
    )
    from serai.declarations import (
        Health as Health,
    )
    from serai.declarations import (
        Job as Job,
    )
    from serai.declarations import (
        Link as Link,
    )
    from serai.declarations import (
        Log as Log,
    )
    from serai.declarations import (
        Mount as Mount,
    )
    from serai.declarations import (
        Page as Page,
    )
    from serai.declarations import (
        PageQuery as PageQuery,
    )
    from serai.declarations import (
        Personal as Personal,
    )
    from serai.declarations import (
        PersonalField as PersonalField,
    )
    from serai.declarations import (
        PluginInfo as PluginInfo,
    )
    from serai.declarations import (
        RawAnswer as RawAnswer,
    )
    from serai.declarations import (
        RawRequest as RawRequest,
    )
    from serai.declarations import (
        Retry as Retry,
    )
    from serai.declarations import (
        Service as Service,
    )
    from serai.declarations import (
        Setting as Setting,
    )
    from serai.declarations import (
        Subject as Subject,
    )
    from serai.declarations import (
        Subscription as Subscription,
    )
    from serai.declarations import (
        Task as Task,
    )
    from serai.declarations import (
        TaskRun as TaskRun,
    )
    from serai.declarations import (
        Topic as Topic,
    )
    from serai.declarations import (
        job as job,
    )
    from serai.declarations import (
        subscription as subscription,
    )
    from serai.declarations import (
        task as task,
    )
    from serai.errors import (
        Conflict as Conflict,
    )
    from serai.errors import (
        DeviceDown as DeviceDown,
    )
    from serai.errors import (
        Forbidden as Forbidden,
    )
    from serai.errors import (
        Invalid as Invalid,
    )
    from serai.errors import (
        Mistake as Mistake,
    )
    from serai.errors import (
        NotFound as NotFound,
    )
    from serai.errors import (
        PluginError as PluginError,
    )
    from serai.errors import (
        Problem as Problem,
    )
    from serai.errors import (
        Refused as Refused,
    )
    from serai.errors import (
        SeraiError as SeraiError,
    )
    from serai.errors import (
        Unauthenticated as Unauthenticated,
    )
    from serai.errors import (
        Unavailable as Unavailable,
    )
    from serai.hookspecs import hookimpl as hookimpl
    from serai.outgoing.answers import RemoteProblem as RemoteProblem
    from serai.outgoing.remote_api import RemoteApi as RemoteApi

_HOMES = {
    "serai.config": ("Secret",),
    "serai.context": (
        "Answer", "Audit", "Call", "Context", "Database", "Devices", "Feed", "Fields", "Http", "Keys", "Principal",
        "Queue", "Redacted", "Relations", "Run", "Services", "View", "Viewer",
    ),
    "serai.declarations": (
        "Api", "Driver", "Encoded", "EncryptedColumn", "Event", "Followed", "Health", "Job", "Link", "Log", "Mount",
        "Page", "PageQuery", "Personal", "PersonalField", "PluginInfo", "RawAnswer", "RawRequest", "Retry", "Service",
        "Setting", "Subject", "Subscription", "Task", "TaskRun", "Topic", "job", "subscription", "task",
    ),
    "serai.errors": (
        "Conflict", "DeviceDown", "Forbidden", "Invalid", "Mistake", "NotFound", "PluginError", "Problem", "Refused",
        "SeraiError", "Unauthenticated", "Unavailable",
    ),
    "serai.hookspecs": ("hookimpl",),
    "serai.outgoing.answers": ("RemoteProblem",),
    "serai.outgoing.remote_api": ("RemoteApi",),
}  # fmt: skip
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}


def __dir__() -> list[str]:
    return sorted(_HOME_OF)


def __getattr__(name: str) -> Any:
    home = _HOME_OF.get(name)
    if home is None:
        raise AttributeError(f"module 'serai' has no attribute {name!r}")
    return getattr(import_module(home), name)
