"""What was done is noted with who did it, in the same transaction, and nobody changes the note unseen."""

import re
from datetime import date
from typing import Annotated

import asyncpg
import pytest
from msgspec import UNSET, Struct, UnsetType
from sqlalchemy import text

from serai.context import Principal
from serai.declarations import Personal, PersonalField
from serai.identity import audit, clients, seals
from serai.identity.audit import AuditLog, acting
from serai.identity.fields import FieldPolicy
from serai.identity.seals import Seal
from serai.telemetry import current

OWNER = (
    "alter table serai.audit_log disable trigger user",
    "alter table serai.audit_seal disable trigger user",
    "alter table serai.audit_seal drop constraint audit_seal_audit_id_fkey",
)
"""What stops nobody who owns the database."""
PORTAL = Principal(kind="client", id="cl_1", name="portal", person="0007")


@pytest.fixture
def log(kernel_database):
    acting.set(PORTAL)
    return AuditLog(kernel_database, "demo")


async def test_an_entry_says_who_did_what_and_lives_with_its_transaction(log, kernel_database):
    current.request_id.set("req-1")
    async with kernel_database.begin() as connection:
        await log.write(
            "grade.change", subject="0001", before={"grade": "P5"}, after={"grade": "P6"},
            reason="promoted", connection=connection,
        )  # fmt: skip
    async with kernel_database.raw() as connection:
        transaction = connection.transaction()
        await transaction.start()
        await log.write("grade.change", subject="0002", connection=connection)
        await transaction.rollback()
    current.request_id.set(None)
    current.run_id.set(12)
    await log.write("look", subject="0003")
    look, change = await audit.entries(kernel_database)
    assert (change.action, change.who, change.who_name, change.person) == (
        "demo.grade.change",
        "cl_1",
        "portal",
        "0007",
    )
    assert (change.subject, change.before, change.after) == ("0001", {"grade": "P5"}, {"grade": "P6"})
    assert (change.reason, change.request_id, change.sealed) == ("promoted", "req-1", False)
    assert (look.request_id, look.before) == ("run:12", None)
    assert await audit.entries(kernel_database, action="demo.grade", who="0007", since=change.at) == [change]
    assert await audit.entries(kernel_database, action="demo.gra") == []
    assert await audit.entries(kernel_database, subject="0003", who="portal", limit=1) == [look]


async def test_personal_fields_are_masked_in_what_is_noted(kernel_database):
    class Person(Struct, frozen=True):
        phone: Annotated[str | UnsetType, Personal("demo.phone")] = UNSET
        born: Annotated[date | UnsetType, Personal("demo.born")] = UNSET

    policy = FieldPolicy()
    policy.declare([PersonalField("demo.phone", "phone", mask="phone"), PersonalField("demo.born", "birth date")])
    person = Person(phone="13812348000", born=date(1990, 1, 1))
    await AuditLog(kernel_database, "demo", policy).write("change", subject="0001", after={"person": person})
    (entry,) = await audit.entries(kernel_database)
    assert entry.after == {"person": {"phone": "138****8000"}}


async def test_the_database_refuses_to_change_what_was_written(log, kernel_database):
    await log.write("look", subject="0001")
    await seals.seal(kernel_database)
    for table in ("audit_log", "audit_seal"):
        for change in (f"delete from serai.{table}", f"truncate serai.{table} cascade"):
            async with kernel_database.raw() as connection:
                with pytest.raises(asyncpg.RestrictViolationError, match="only ever added"):
                    await connection.execute(change)
    async with kernel_database.raw() as connection:
        with pytest.raises(asyncpg.RestrictViolationError):
            await connection.execute("update serai.audit_log set subject = '0002'")


async def test_seals_prove_that_nothing_was_changed(log, kernel_database, monkeypatch):
    monkeypatch.setattr(seals, "PORTION", 3)
    assert await seals.seal(kernel_database) is None
    for number in range(7):
        await log.write("look", subject=str(number), after={"name": "王芳"})
    first = await seals.seal(kernel_database)
    await log.write("look", subject="7")
    verdict = await seals.verify(kernel_database, first)
    assert (verdict.head, verdict.unsealed, verdict.fault) == (first, 1, None)
    assert (await seals.seal(kernel_database)).position == 8
    assert all(entry.sealed for entry in await audit.entries(kernel_database))


async def test_a_late_commit_is_sealed_after_what_overtook_it(log, kernel_database):
    async with kernel_database.begin() as slow:
        await log.write("look", subject="early", connection=slow)
        await log.write("look", subject="late")
        assert (await seals.seal(kernel_database)).position == 1
    assert (await seals.seal(kernel_database)).position == 2
    assert (await seals.verify(kernel_database)).fault is None


@pytest.mark.parametrize(
    ("tampering", "fault"),
    [
        ("update serai.audit_log set who_name = 'nobody' where id = 3", "row 3 of .* was changed"),
        ("update serai.audit_log set before = '{\"a\": 2}' where id = 2", "row 2 of .* was changed"),
        ("delete from serai.audit_log where id = 2", "row 2 was removed"),
        ("delete from serai.audit_seal where position = 2", "seal 2 is missing"),
        ("delete from serai.audit_unsealed", "row 5 was left out of the seals"),
        ("delete from serai.audit_seal where position = 4; delete from serai.audit_log where id = 4", "seal 4, which"),
    ],
)
async def test_the_first_row_that_was_tampered_with_is_named(log, kernel_database, tampering, fault):
    for number in range(4):
        await log.write("look", subject=str(number), before={"a": 1})
    noted = await seals.seal(kernel_database)
    await log.write("look", subject="4")
    async with kernel_database.begin() as connection:
        for statement in (*OWNER, *tampering.split("; ")):
            await connection.execute(text(statement))
    verdict = await seals.verify(kernel_database, noted)
    assert verdict.fault is not None
    assert re.search(fault, verdict.fault)
    assert (await seals.verify(kernel_database, Seal(1, bytes(32)))).fault is not None


async def test_changes_of_clients_are_noted_with_what_was_changed(log, kernel_database):
    client, key = await clients.add(kernel_database, name="payroll", owner="hr", scopes=["isapi:read"])
    await clients.edit(kernel_database, "payroll", {"scopes": ["isapi:read", "isapi:contact"]})
    await clients.suspend(kernel_database, "payroll", by="ops", reason="asks too much")
    suspend, edit, add = await audit.entries(kernel_database, subject=client.id)
    assert (add.action, add.before, add.after["owner"]) == ("kernel.client.add", None, "hr")
    assert (edit.before, edit.after) == ({"scopes": ["isapi:read"]}, {"scopes": ["isapi:contact", "isapi:read"]})
    assert (suspend.after, suspend.who) == ({"suspended": "asks too much"}, "cl_1")
    assert key not in str([add, edit, suspend])
