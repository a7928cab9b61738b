"""A person of the demo company: what is decided when the person is hired, and the contacts that go on changing."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import attrs

from serai_ehr.demo import names, numbers
from serai_ehr.demo.dice import Dice
from serai_ehr.demo.names import Name
from serai_ehr.source import Row

BLANK = " "
"""What PeopleSoft stores in a character column that is empty."""

MAIL_DOMAIN = "serai.example"
_RENAMED_AFTER = timedelta(days=700)


@attrs.frozen
class Person:
    """Who somebody is. The EMPLID has leading zeros and is never given again."""

    index: int
    emplid: str
    name: Name
    male: bool
    born: date
    education: str
    account: str
    hired: date
    entered: datetime
    """When HR typed the person in: before or on the day of hire."""


def recruit(seed: int, index: int, hired: date, entered: datetime, account_of: AccountBook) -> Person:
    """The person of that number, at the age of 21 to 49 when hired."""
    dice = Dice(seed, "person", index)
    male = dice.chance(0.58)
    name = names.draw(dice, male=male)
    born = hired - timedelta(days=dice.between(21 * 366, 49 * 365))
    education = dice.pick(("C", "F", "G", "G", "G", "I", BLANK))
    account = account_of(name)
    return Person(index, f"{index + 1:08d}", name, male, born, education, account, hired, entered)


class AccountBook:
    """Gives out chat and directory accounts: `zhangwei`, and `zhangwei2` to the next one of that name."""

    def __init__(self) -> None:
        self._taken: dict[str, int] = {}

    def __call__(self, name: Name) -> str:
        plain = (name.last + name.first).lower().replace("ü", "v")
        base = "".join(letter for letter in plain if letter.isascii() and letter.isalpha())[:16]
        count = self._taken[base] = self._taken.get(base, 0) + 1
        return base if count == 1 else f"{base}{count}"


def person_row(person: Person) -> Row:
    """V_IS_PERSON."""
    return (person.emplid, person.born, "M" if person.male else "F", person.education, person.entered)


def name_rows(person: Person, now: datetime) -> list[Row]:
    """V_IS_NAME: some older records hold the Han form in NAME itself; a few people change their given name."""
    last, first, han = person.name.last, person.name.first, person.name.han
    name = han if han and person.index % 50 == 9 else f"{last},{first}"
    alternate = BLANK if name == han or not han else han
    preferred = first.split(" ")[0] if person.name.country != "CHN" else BLANK
    rows: list[Row] = [(person.emplid, "PRI", person.hired, name, last, first, alternate, preferred, person.entered)]
    renamed = person.entered + _RENAMED_AFTER
    if person.index % 60 == 7 and person.name.country == "CHN" and alternate != BLANK and renamed <= now:
        new = (f"{last},{first}an", last, f"{first}an", f"{han}安", preferred)
        rows.append((person.emplid, "PRI", renamed.date(), *new, renamed))
    return rows


def nid_rows(person: Person) -> list[Row]:
    """V_IS_NID: citizen's number, or a passport."""
    if person.name.country == "CHN":
        number = numbers.citizen_number(person.index, person.born, male=person.male)
        return [(person.emplid, "CHN", "NID", number, "Y", person.entered)]
    passport = numbers.passport_number(person.index)
    return [(person.emplid, person.name.country, "PASSPT", passport, "Y", person.entered)]


def account_row(person: Person) -> Row:
    """V_IS_ACCOUNT: a few have no chat account."""
    chat = BLANK if person.index % 71 == 5 else person.account
    return (person.emplid, chat, person.account, person.entered)


def contact_rows(person: Person, now: datetime, *, epoch: datetime, period: timedelta) -> list[Row]:
    """V_IS_CONTACT at a moment.

    From the epoch on somebody gets another mobile number in every minute: person number i in the i-th minute of each
    `period`. Computed from the time alone, so it costs the same however long the company has lived.
    """
    due = epoch + timedelta(minutes=person.index % (period // timedelta(minutes=1)))
    version = max(0, (now - due) // period + 1)
    changed = max(person.entered, due + (version - 1) * period) if version else person.entered
    desk, extension = numbers.desk_number(person.index)
    mobile = numbers.mobile_number(person.index, version)
    rows: list[Row] = [
        (person.emplid, "PHONE", "CELL", "86", mobile, BLANK, "Y", changed),
        (person.emplid, "PHONE", "BUSN", "86", desk, extension, "N", person.entered),
        (person.emplid, "EMAIL", "BUSN", BLANK, f"{person.account}@{MAIL_DOMAIN}", BLANK, "Y", person.entered),
    ]
    if person.index % 3 == 0:
        private = f"{person.account}.{person.index}@mail.example"
        rows.append((person.emplid, "EMAIL", "HOME", BLANK, private, BLANK, "N", person.entered))
    return rows
