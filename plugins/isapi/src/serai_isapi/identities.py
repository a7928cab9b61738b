"""Who somebody is to the state: national ids and the birth date, opened for those who may see them."""

from __future__ import annotations

import attrs

from serai import Database, Keys
from serai_isapi import national_ids
from serai_isapi.identity_shapes import Identity, NationalId
from serai_isapi.problems import EmployeeNotFound
from serai_isapi.sealing import BIRTHDATE, NATIONAL_ID

_PERSON = "select birthdate_box from isapi.person where emplid = $1"
_NUMBERS = """
    select emplid, country, national_id_type, national_id_box from isapi.nid
    where emplid = $1 and national_id_box is not null
    order by primary_nid = 'Y' desc nulls last, country, national_id_type
"""
_BEARERS = """
    select distinct emplid from isapi.nid where national_id_index = any ($1::bytea[]) and country = $2 order by emplid
"""


@attrs.frozen
class Identities:
    """What is kept encrypted of people (`sealing`)."""

    db: Database
    keys: Keys

    async def of(self, emplid: str) -> Identity:
        """All of it, clear; who answers with it leaves the rest to the field policy. Raises `EmployeeNotFound`."""
        async with self.db.raw() as connection:
            person = await connection.fetchrow(_PERSON, emplid)
            numbers = await connection.fetch(_NUMBERS, emplid)
        if person is None:
            raise EmployeeNotFound(f"there is no employee {emplid}")
        box = person["birthdate_box"]
        return Identity(
            emplid=emplid,
            birth_date=None if box is None else self.keys.decrypt(BIRTHDATE.column, (emplid,), box),
            documents=[self._national_id(*row) for row in numbers],
        )

    async def bearers(self, number: str, country: str) -> list[str]:
        """The emplids of those with that national id; several where it was keyed wrong."""
        indexes = self.keys.indexes(NATIONAL_ID.column, national_ids.normal(number))
        async with self.db.raw() as connection:
            return [row["emplid"] for row in await connection.fetch(_BEARERS, indexes, country)]

    def _national_id(self, emplid: str, country: str, type_: str, box: bytes) -> NationalId:
        number = self.keys.decrypt(NATIONAL_ID.column, (emplid, country, type_), box)
        return NationalId(
            country=country,
            type=type_,
            national_id=number,
            warning=national_ids.warning(country, type_, number),
        )
