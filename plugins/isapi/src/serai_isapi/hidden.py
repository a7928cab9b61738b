"""People who exist only for those with the permission `isapi:hidden`: members of the board, protected persons."""

from __future__ import annotations

import attrs
import msgspec

from serai import Audit, Database, Principal
from serai_isapi.problems import EmployeeNotFound
from serai_isapi.shapes import HiddenPerson

PERMISSION = "isapi:hidden"
CHANNEL = "hidden"
"""Told of each change."""


@attrs.define
class HiddenPeople:
    """Who is hidden: in the table `hidden_person`, and known in memory, because every question asks."""

    db: Database
    audit: Audit
    emplids: frozenset[str] = frozenset()

    def of(self, who: Principal) -> frozenset[str]:
        """Who does not exist for this caller; oneself always does."""
        return frozenset() if who.may(PERMISSION) else self.emplids - {who.person}

    async def refresh(self, _payload: str | None = None) -> None:
        """Read again: a listener of the channel."""
        async with self.db.raw() as connection:
            rows = await connection.fetch("select emplid from isapi.hidden_person")
        self.emplids = frozenset(row["emplid"] for row in rows)

    async def listed(self, *, limit: int, after: str = "") -> list[HiddenPerson]:
        """At most `limit` of them in the order of their emplids, from beyond `after` on."""
        async with self.db.raw() as connection:
            rows = await connection.fetch(
                f"select {_COLUMNS} from isapi.hidden_person where emplid > $1 order by emplid limit $2", after, limit
            )
        return [msgspec.convert(dict(row), HiddenPerson) for row in rows]

    async def hide(self, emplid: str, *, reason: str, by: str) -> HiddenPerson:
        """Hide somebody from now on, in every process; for who is hidden already, the reason is the new one.

        Raises `EmployeeNotFound`.
        """
        async with self.db.raw() as connection, connection.transaction():
            row = await connection.fetchrow(_HIDE, emplid, reason, by)
            if row is None:
                raise EmployeeNotFound(f"there is no employee {emplid}")
            await self.audit.write("hidden.hide", subject=emplid, reason=reason, connection=connection)
            await self.db.notify(CHANNEL, connection=connection)
        await self.refresh()
        return msgspec.convert(dict(row), HiddenPerson)

    async def show(self, emplid: str) -> None:
        """Hide somebody no longer. Raises `EmployeeNotFound` where nobody of that emplid is hidden."""
        async with self.db.raw() as connection, connection.transaction():
            found = await connection.fetchval(
                "delete from isapi.hidden_person where emplid = $1 returning emplid", emplid
            )
            if found is None:
                raise EmployeeNotFound(f"there is no hidden employee {emplid}")
            await self.audit.write("hidden.show", subject=emplid, connection=connection)
            await self.db.notify(CHANNEL, connection=connection)
        await self.refresh()


_COLUMNS = 'emplid, reason, since, "by"'

_HIDE = f"""
insert into isapi.hidden_person ({_COLUMNS}) select emplid, $2, now(), $3 from isapi.employee where emplid = $1
on conflict (emplid) do update set reason = excluded.reason, "by" = excluded."by"
returning {_COLUMNS}
"""
