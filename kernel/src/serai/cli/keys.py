"""`serai keys`: which keys of the deployment are in use."""

from __future__ import annotations

import sys

import click
import msgspec

from serai.cli.house import opened
from serai.cli.options import as_json, in_loop, reads_deployment
from serai.cli.output import say, show_json, show_table
from serai.config.deployment import Deployment
from serai.identity import encrypted
from serai.identity.keyring import Keyring
from serai.supervisor.demo import DemoSecrets


class KeyUse(msgspec.Struct, frozen=True, kw_only=True):
    """One line of `serai keys status --json`: the rows of a column that one key has encrypted."""

    key: str
    state: str
    """`encrypts` (the first one), `decrypts`, or `missing`: not in kernel.keys."""
    position: int | None
    """In kernel.keys, from 1 on."""
    column: str | None
    """None where the key has encrypted nothing."""
    rows: int


@click.group("keys")
def keys_command() -> None:
    """The keyring of the deployment, kernel.keys."""


@keys_command.command("status")
@reads_deployment
@as_json
@in_loop
async def status(deployment: Deployment, json_: bool) -> None:
    """Count the rows that each key has encrypted; exit code 3 where a key is missing that some need."""
    keyring = _keyring(deployment)
    async with opened(deployment) as house:
        counts = await encrypted.count(house.database)
    rows = [
        _use(keyring, key_id, place.label, count)
        for place, of in counts.items()
        for key_id, count in sorted(of.items())
    ]
    idle = [key_id for key_id in keyring.ids if not any(row.key == key_id.hex() for row in rows)]
    rows = sorted([*rows, *(_use(keyring, key_id, None, 0) for key_id in idle)], key=lambda row: row.position or 0)
    if json_:
        show_json(rows)
    else:
        columns = ("key", "state", "position", "column", "rows")
        show_table([msgspec.structs.asdict(row) for row in rows], columns, "")
        _advise(keyring, rows)
    if any(row.state == "missing" for row in rows):
        sys.exit(3)


def _advise(keyring: Keyring, rows: list[KeyUse]) -> None:
    """Say what to do next."""
    if any(row.state == "missing" for row in rows):
        say("put the missing key back into kernel.keys, after the first one: what it has encrypted cannot be read")
    elif any(row.state == "decrypts" and row.rows for row in rows):
        say("`serai jobs run kernel.rotate_keys` re-encrypts what is not of the first key")
    elif len(keyring.ids) > 1:
        say("every value is of the first key; cursors and the like that others have signed last 8 days at the most")


def _use(keyring: Keyring, key_id: bytes, column: str | None, rows: int) -> KeyUse:
    position = keyring.ids.index(key_id) + 1 if key_id in keyring.ids else None
    state = "missing" if position is None else "encrypts" if position == 1 else "decrypts"
    return KeyUse(key=key_id.hex(), state=state, position=position, column=column, rows=rows)


def _keyring(deployment: Deployment) -> Keyring:
    """The keys as the workers have them: a demo makes its own."""
    kernel = deployment.kernel
    if kernel.demo is not None:
        return Keyring([DemoSecrets.of(kernel.state_dir).keyring_key.encode()])
    return Keyring([key.reveal().encode() for key in kernel.keys])
