"""What processes report of themselves, and how the reports of all are read together."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping, Sequence
from datetime import datetime

import asyncpg
import attrs

from serai.context import Database
from serai.data.postmaster import lives
from serai.hosting.states import Code, State, Status

ALIVE = 20.0
"""Seconds after its last heartbeat for which a process counts as alive."""

HEARTBEAT = 5.0


@attrs.frozen(kw_only=True)
class PluginReport:
    """What one process says of one plugin."""

    plugin: str
    version: str
    status: Status
    restart: int


class Reporter:
    """Writes one process's row and its plugins' states."""

    def __init__(self, database: Database, process_id: str, version: str) -> None:
        self._database = database
        self._id = process_id
        self._version = version

    async def open(self) -> None:
        """Make this process known, and forget the dead ones of this host."""
        async with self._database.raw() as connection, connection.transaction():
            rows = await connection.fetch("select id, pid from serai.process where host = $1", _HOST)
            dead = [row["id"] for row in rows if not lives(row["pid"])]
            await connection.execute(
                "delete from serai.process where id = any($1) or heartbeat_at < now() - interval '1 hour'", dead
            )
            await self._beat(connection)

    async def report(self, reports: Sequence[PluginReport]) -> None:
        """Write the heartbeat and all states in one transaction."""
        rows = [
            (
                self._id,
                report.plugin,
                report.version,
                str(report.status.state),
                report.status.since,
                str(report.status.code),
                report.status.reason,
                report.status.hint,
                report.restart,
            )
            for report in reports
        ]
        async with self._database.raw() as connection, connection.transaction():
            await self._beat(connection)
            await connection.execute("delete from serai.plugin_state where process_id = $1", self._id)
            await connection.executemany(
                "insert into serai.plugin_state"
                " (process_id, plugin, version, state, since, reason_code, reason, hint, restart)"
                " values ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
                rows,
            )

    async def close(self) -> None:
        """Take this process out of the list: it ended in order."""
        async with self._database.raw() as connection:
            await connection.execute("delete from serai.process where id = $1", self._id)

    async def _beat(self, connection: asyncpg.Connection) -> None:
        """Say that this process lives; also after another took it for dead, as when the machine was asleep."""
        await connection.execute(
            "insert into serai.process (id, host, pid, version, started_at, heartbeat_at)"
            " values ($1, $2, $3, $4, now(), now())"
            " on conflict (id) do update set heartbeat_at = now()",
            self._id,
            _HOST,
            os.getpid(),
            self._version,
        )


async def read_reports(database: Database) -> list[PluginReport]:
    """What all living processes say, a row per process and plugin. One of this host that was killed is seen at once."""
    async with database.raw() as connection:
        rows = await connection.fetch(
            "select s.*, p.host, p.pid from serai.plugin_state s join serai.process p on p.id = s.process_id"
            " where p.heartbeat_at > now() - make_interval(secs => $1) order by s.plugin, p.started_at",
            ALIVE,
        )
    return [
        PluginReport(
            plugin=row["plugin"],
            version=row["version"],
            status=Status(
                state=State(row["state"]),
                since=row["since"],
                code=Code(row["reason_code"]),
                reason=row["reason"],
                hint=row["hint"],
            ),
            restart=row["restart"],
        )
        for row in rows
        if row["host"] != _HOST or lives(row["pid"])
    ]


_WORST_FIRST = (
    State.FAILED,
    State.BLOCKED,
    State.STARTING,
    State.DRAINING,
    State.STOPPED,
    State.DEGRADED,
    State.RUNNING,
)


def together(reports: Sequence[PluginReport]) -> Mapping[str, PluginReport]:
    """One report a plugin: of several processes the one in the worst state speaks."""
    worst: dict[str, PluginReport] = {}
    for report in reports:
        known = worst.get(report.plugin)
        if known is None or _rank(report) < _rank(known):
            worst[report.plugin] = report
    return worst


def _rank(report: PluginReport) -> tuple[int, datetime]:
    return _WORST_FIRST.index(report.status.state), report.status.since


_HOST = socket.gethostname()
