"""What operators want beside the deployment's file: stop this plugin, restart it."""

from __future__ import annotations

import attrs

from serai.context import Database

CHANNEL = "overrides"


@attrs.frozen(kw_only=True)
class Override:
    """One plugin's override; `restart` counts the restarts asked for."""

    plugin: str
    stopped: bool
    restart: int
    who: str
    why: str


async def read_overrides(database: Database) -> dict[str, Override]:
    """All overrides by plugin."""
    async with database.raw() as connection:
        rows = await connection.fetch("select plugin, stopped, restart, who, why from serai.override")
    return {row["plugin"]: Override(**row) for row in rows}


async def set_stopped(database: Database, plugin: str, *, stopped: bool, who: str, why: str) -> None:
    """Want the plugin stopped, or no longer stopped, in every process; they are told at commit."""
    await _write(
        database,
        """
        insert into serai.override (plugin, stopped, who, why, at) values ($1, $2, $3, $4, now())
        on conflict (plugin) do update set stopped = $2, who = $3, why = $4, at = now()
        """,
        plugin,
        stopped,
        who,
        why,
    )


async def ask_restart(database: Database, plugin: str, *, who: str, why: str) -> None:
    """Want the plugin stopped and started again in every process; clears a stop."""
    await _write(
        database,
        """
        insert into serai.override (plugin, stopped, restart, who, why, at) values ($1, false, 1, $2, $3, now())
        on conflict (plugin) do update
            set stopped = false, restart = override.restart + 1, who = $2, why = $3, at = now()
        """,
        plugin,
        who,
        why,
    )


async def _write(database: Database, statement: str, *values: object) -> None:
    async with database.raw() as connection, connection.transaction():
        await connection.execute(statement, *values)
        await database.notify(CHANNEL, str(values[0]), connection=connection)
