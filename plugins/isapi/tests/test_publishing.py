"""Publishing only those whom changes concern gives the same rows as publishing everybody."""

from __future__ import annotations

from datetime import date, timedelta
from random import Random

import pytest

from serai_isapi import publishing
from serai_isapi.published import edition_of
from serai_isapi.settings import company_date

DEPARTMENTS = [f"D{number}" for number in range(1, 13)]
PEOPLE = [f"{number:04}" for number in range(1, 41)]


class Chance:
    """Random changes to a company, stamped as the HR system would."""

    def __init__(self, company, seed: int) -> None:
        self.company = company
        self.dice = Random(seed)
        self.today = company_date(company.clock)
        self.kinds = [
            self.move, self.leave, self.leave, self.join, self.vanish, self.rename, self.reach, self.account,
            self.relation, self.no_relation, self.titles, self.places,
            self.rename_department, self.close, self.reorganise,
        ]  # fmt: skip

    def grow(self) -> None:
        for at, deptid in enumerate(DEPARTMENTS[3:], 3):
            self.company.department(deptid, f"部门{deptid}", DEPARTMENTS[self.dice.randrange(at)])
        for emplid in PEOPLE[4:]:
            place = {"deptid": self.dice.choice(DEPARTMENTS), "supervisor_id": self.dice.choice(PEOPLE)}
            self.company.person(emplid, self._name(), rtx_id=f"a{emplid}", **place)
        for _ in range(20):
            self.relation()

    def change(self) -> None:
        for _ in range(self.dice.randint(1, 3)):
            self.dice.choice(self.kinds)()

    def move(self) -> None:
        self._job(deptid=self.dice.choice([*DEPARTMENTS, " "]), supervisor_id=self.dice.choice([*PEOPLE, " "]))

    def leave(self) -> None:
        self._job(empl_status=self.dice.choice("ATLR"))

    def join(self) -> None:
        emplid = f"{self.dice.randrange(5000, 9999)}"
        if not self.company.of("PERSON", emplid=emplid):
            self.company.person(emplid, self._name(), self.dice.choice(DEPARTMENTS), effdt=self._day())
            self._stamp(*self.company.of("PERSON", emplid=emplid), *self.company.of("NAME", emplid=emplid))
            self._stamp(*self.company.of("JOB", emplid=emplid))

    def rename(self) -> None:
        self._update("NAME", name_ac=self._name())

    def reach(self) -> None:
        self._update("CONTACT", contact_value=f"{self.dice.random()}")

    def account(self) -> None:
        self._update("ACCOUNT", rtx_id=f"x{self.dice.randrange(100)}")

    def titles(self) -> None:
        self._update("JOBCODE", descr=self.dice.choice(["工程师", "Engineer"]))

    def places(self) -> None:
        self._update("LOCATION", descr=self.dice.choice(["北京", "Beijing"]))

    def rename_department(self) -> None:
        self._update("DEPT", descr=self._name())

    def close(self) -> None:
        self._update("DEPT", eff_status=self.dice.choice("AI"))

    def reorganise(self) -> None:
        node = self.dice.choice(self.company.rows["V_IS_DEPT_TREE"])
        node["parent_node_name"] = self.dice.choice([*DEPARTMENTS, " "])

    def relation(self) -> None:
        scope = {"scope": "D", "scope_id": self.dice.choice(DEPARTMENTS), "emplid": self.dice.choice(PEOPLE)}
        scope["relation"] = self.dice.choice(["LEADER", "LEADER", "VP", "HRBP"])
        if not self.company.of("RELATION", **scope):
            self._stamp(self.company.add("RELATION", **scope, sort_order=self.dice.randrange(3)))

    def no_relation(self) -> None:
        self.company.rows["V_IS_RELATION"].remove(self.dice.choice(self.company.rows["V_IS_RELATION"]))

    def vanish(self) -> None:
        emplid = self.dice.choice(PEOPLE[4:])
        for view in self.dice.choice((["JOB"], ["PERSON", "NAME", "JOB", "ACCOUNT", "CONTACT"])):
            self.company.remove(view, emplid=emplid)

    def _job(self, **values) -> None:
        emplid, day = self.dice.choice(PEOPLE), self._day()
        if not self.company.of("JOB", emplid=emplid, effdt=day):
            self._stamp(self.company.job(emplid, day, **values))

    def _day(self) -> date:
        return self.today + timedelta(days=self.dice.choice([-400, -30, -1, 0, 1, 60]))

    def _update(self, view: str, **values) -> None:
        row = self.dice.choice(self.company.rows[f"V_IS_{view}"])
        row.update(values)
        self._stamp(row)

    def _stamp(self, *rows) -> None:
        for row in rows:
            row["lastupddttm"] = self.company.clock

    def _name(self) -> str:
        return "".join(self.dice.choices("张王李赵曾单解芳伟娜秀英敏静", k=3))


async def assert_published_as_derived(house) -> None:
    """The tables hold what a derivation of everything gives, row for row."""
    today = edition_of(company_date(house.now()))
    for table, key in (("employee", "emplid"), ("department", "setid, deptid")):
        columns = ", ".join(column.name for column in getattr(publishing.tables, table).columns)
        derived = await house.rows(today.query(f"select {columns} from {table} order by {key}"), *today.values)
        assert await house.rows(f"select {columns} from isapi.{table} order by {key}") == derived


@pytest.mark.parametrize("seed", range(3))
async def test_published_changes_equal_a_publication_of_everybody(house, company, monkeypatch, seed):
    monkeypatch.setattr(publishing, "FEW", 1.0)  # however many are concerned
    house.configure(hold_terminations=100, hold_departments_gone=100)
    chance = Chance(company, seed)
    chance.grow()
    await house.sync()
    for step in range(12):
        company.clock += timedelta(minutes=15)
        house.present += timedelta(minutes=15)
        chance.change()
        assert (await house.sync(full=step % 3 == 0))["state"] == "done"
        await assert_published_as_derived(house)


async def test_few_changes_leave_the_others_alone(house, company, monkeypatch):
    monkeypatch.setattr(publishing, "FEW", 0.5)
    await house.sync()
    monkeypatch.setattr(publishing, "people", only_of(publishing.people, kept := []))
    company.of("JOB", emplid="0004")[0].update(grade="P8")

    await house.sync()

    assert "pg_temp.affected" in kept[-1]
    assert (await house.employee("0004")).grade == "P8"


def only_of(original, kept):
    """`people`, remembering the condition that it was given."""

    def people(only="true"):
        kept.append(only)
        return original(only)

    return people
