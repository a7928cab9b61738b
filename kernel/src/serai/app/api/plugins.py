"""`/-/api/v1/plugins`: the state of the plugins."""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct

from serai.context import Call
from serai.declarations import Api
from serai.hosting.reports import read_reports, together

api = Api(version=1)


class Plugin(Struct, frozen=True, kw_only=True):
    """How an enabled plugin is."""

    name: str
    version: str
    state: str
    since: datetime
    reason_code: str
    reason: str
    hint: str


@api.get("/plugins", permission="kernel:read")
async def list_plugins(call: Call) -> list[Plugin]:
    """List the enabled plugins, each as it is in the process where it is worst."""
    worst = together(await read_reports(call.ctx.db))
    return [
        Plugin(
            name=report.plugin,
            version=report.version,
            state=str(report.status.state),
            since=report.status.since,
            reason_code=str(report.status.code),
            reason=report.status.reason,
            hint=report.status.hint,
        )
        for report in worst.values()
    ]
