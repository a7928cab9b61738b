"""Changing the deployment's key: while others write, and cut off in the middle."""

from __future__ import annotations

import ast
import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest

from serai.declarations import EncryptedColumn
from serai.errors import SeraiError
from serai.identity import encrypted, rotation
from serai.identity.keyring import KeyMissing, Keyring

OLD, NEW = b"o" * 32, b"n" * 32
NUMBER = EncryptedColumn(name="thing.number_box", row=["id", "part"], index="number_index", copies=["held_thing"])
NOTE = EncryptedColumn(name="thing.note_box", row=["id", "part"])
COLUMNS = (NUMBER, NOTE)
ROWS = 400

_PUT = """
    insert into demo.thing values ($1, 'a', $2, $3, $4)
    on conflict (id, part) do update set number_box = $2, number_index = $3, note_box = $4
"""


@pytest.fixture
async def database(kernel_database):
    columns = "id int, part text, number_box bytea, number_index bytea, note_box bytea"
    async with kernel_database.raw() as connection:
        await connection.execute(
            f"create schema demo; create table demo.thing ({columns}, primary key (id, part));"
            f"create table demo.held_thing ({columns})"
        )
    await encrypted.declare(kernel_database, "demo", COLUMNS)
    return kernel_database


def sealed(keyring, id_, value):
    keys, row = keyring.of("demo", COLUMNS), (id_, "a")
    note = keys.encrypt(NOTE, row, f"note {value}") if id_ % 3 else None
    return id_, keys.encrypt(NUMBER, row, value), keys.index(NUMBER, value), note


async def fill(database, keyring, rows=ROWS):
    async with database.raw() as connection:
        await connection.executemany(_PUT, [sealed(keyring, id_, str(id_)) for id_ in range(rows)])


async def values(database, keyring):
    """The numbers by id, each opened, found by its index, and its note opened."""
    keys = keyring.of("demo", COLUMNS)
    async with database.raw() as connection:
        rows = await connection.fetch("select * from demo.thing")
    opened = {}
    for row in rows:
        value = keys.decrypt(NUMBER, (row["id"], "a"), row["number_box"])
        assert row["number_index"] in keys.indexes(NUMBER, value)
        assert row["note_box"] is None or keys.decrypt(NOTE, (row["id"], "a"), row["note_box"]) == f"note {value}"
        opened[row["id"]] = value
    return opened


async def left(database, keyring):
    """How many boxes are not of the first key."""
    counts = await encrypted.count(database)
    return sum(rows for of in counts.values() for key_id, rows in of.items() if key_id != keyring.first)


async def test_rotated_under_load_and_killed_in_the_middle_every_value_is_right_without_the_old_key(
    database, database_url
):
    both, new = Keyring([NEW, OLD]), Keyring([NEW])
    await fill(database, Keyring([OLD]))
    expected = {id_: str(id_) for id_ in range(ROWS)}
    stop = asyncio.Event()

    async def write(keyring, first):
        """Processes write meanwhile, some of them not restarted yet."""
        turn = 0
        while not stop.is_set():
            turn += 1
            id_ = (first + 7 * turn) % ROWS // 2 * 2 + first
            value = f"{first} {turn}"
            async with database.raw() as connection:
                await connection.execute(_PUT, *sealed(keyring, id_, value))
            expected[id_] = value

    writers = [asyncio.create_task(write(Keyring([OLD, NEW]), 0)), asyncio.create_task(write(both, 1))]
    script = Path(__file__).with_name("rotating.py")
    process = await asyncio.create_subprocess_exec(
        sys.executable, script, database_url, NEW.decode(), OLD.decode(), stdout=asyncio.subprocess.PIPE
    )
    async with asyncio.timeout(60):
        while ast.literal_eval((await process.stdout.readline()).decode())[1] < 100:
            pass
        os.kill(process.pid, signal.SIGKILL)
        await process.communicate()
    assert await left(database, both) > 0
    await rotation.rotate(database, both, lambda *_: None)
    stop.set()
    await asyncio.gather(*writers)
    rotated = await rotation.rotate(database, both, lambda *_: None)
    assert rotated.left == await left(database, both) == 0
    assert await values(database, new) == expected


async def test_copies_are_rotated_too_and_rows_that_others_hold_are_left_for_the_next_run(database):
    both = Keyring([NEW, OLD])
    await fill(database, Keyring([OLD]), rows=5)
    async with database.raw() as connection:
        await connection.execute("insert into demo.held_thing select * from demo.thing")
        async with connection.transaction():
            await connection.execute("select from demo.thing where id = 1 for update")
            assert (await rotation.rotate(database, both, lambda *_: None)).left == 2
        heard = []
        rotated = await rotation.rotate(database, both, lambda *state: heard.append(state))
        assert (rotated.done, rotated.left, heard[-1][1:]) == (2, 0, (2, 2))
        (row,) = await connection.fetch("select * from demo.held_thing where id = 2")
    keys = Keyring([NEW]).of("demo", COLUMNS)
    assert keys.decrypt(NUMBER, (2, "a"), row["number_box"]) == "2"
    assert keys.index(NUMBER, "2") == row["number_index"]


async def test_what_cannot_be_opened_is_named_and_the_rest_is_rotated(database):
    both = Keyring([NEW, OLD])
    await fill(database, Keyring([OLD]), rows=5)
    async with database.raw() as connection:
        await connection.execute(
            "update demo.thing set note_box = (select note_box from demo.thing where id = 2) where id = 1"
        )
    with pytest.raises(SeraiError, match=r"1 values of demo\.thing\.note_box do not open"):
        await rotation.rotate(database, both, lambda *_: None)
    assert await left(database, both) == 1
    stray = Keyring([b"s" * 32])
    await fill(database, stray, rows=1)
    with pytest.raises(KeyMissing, match=f"demo.thing.number_box .*{stray.first.hex()}"):
        await rotation.rotate(database, both, lambda *_: None)


async def test_a_plugin_that_was_purged_or_went_back_is_passed_over(database):
    async with database.raw() as connection:
        await connection.execute("drop table demo.held_thing; alter table demo.thing drop column note_box")
    assert [place.label for place in await encrypted.places(database)] == ["demo.thing.number_box"]
