"""Whether a plugin's schema fits its code, and migrating where that is allowed."""

from __future__ import annotations

from serai.data.migrations import Migrations
from serai.errors import SeraiError
from serai.hosting.declared import Declared
from serai.hosting.states import Blocked, Code, Trouble


async def check_schema(migrations: Migrations, plugin: Declared, *, auto_migrate: bool) -> None:
    """Migrate an empty schema, and one that is behind where `auto_migrate`. Raises `Blocked` or `Trouble` otherwise."""
    assert plugin.migrations is not None
    name = plugin.name
    try:
        status = await migrations.status(name, plugin.migrations)
        if status.state == "empty" or (status.state == "behind" and auto_migrate):
            await migrations.upgrade(name, plugin.migrations)
            return
    except SeraiError as error:
        raise Trouble(Code.MIGRATION_FAILED, f"the schema of {name}: {error.sentence}", hint=error.hint) from error
    if status.state == "behind":
        raise Blocked(
            Code.SCHEMA_BEHIND,
            f"the schema of {name} is at {status.current}, {name} {plugin.version} needs {status.head}",
            hint=f"Run `serai db upgrade {name}`, then `serai restart {name}`.",
        )
    if status.state == "ahead":
        raise Blocked(
            Code.SCHEMA_AHEAD,
            f"the schema of {name} is at {status.current}, which {name} {plugin.version} does not know "
            f"and cannot run on (its own head is {status.head})",
            hint=f"Install the newer {name} again; going back over a contract revision loses data.",
        )
