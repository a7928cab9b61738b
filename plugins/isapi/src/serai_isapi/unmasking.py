"""One clear value of one person, for a reason: audited, and so many a day for each client."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import asyncpg
import attrs

from serai import Context, Forbidden, NotFound, Principal, Problem
from serai_isapi.identities import Identities
from serai_isapi.identity_shapes import Identity, NationalId, Unmasked, UnmaskField
from serai_isapi.problems import EmployeeNotFound
from serai_isapi.settings import ZONE, Settings, company_date
from serai_isapi.shapes import Employee

_COUNT = """
    insert into isapi.unmasked as u (client, day, times) values ($1, $2, 1)
    on conflict (client, day) do update set times = u.times + 1 where u.times < $3 returning times
"""
_SHAPES: dict[str, type[Employee] | type[Identity] | type[NationalId]] = {
    "national_id": NationalId,
    "birth_date": Identity,
}


class NotUnmaskable(Forbidden):
    """The caller does not see the field of that person even masked."""

    slug = "field-not-unmaskable"
    title = "The field is hidden from you"


class NothingToUnmask(NotFound):
    """The person has no value there."""

    slug = "nothing-to-unmask"
    title = "There is no value"


class TooManyUnmasked(Problem):
    """The client has had as many fields unmasked today as it may."""

    status = 429
    slug = "too-many-unmasked"
    title = "Enough was unmasked for today"


@attrs.frozen
class Unmasking:
    """Unmasks fields. Who is hidden the caller has found out before."""

    ctx: Context

    async def unmask(self, who: Principal, emplid: str, field: UnmaskField, reason: str) -> Unmasked:
        """The clear value, with its row in the audit log in one transaction.

        Raises `NotUnmaskable`, `NothingToUnmask`, `TooManyUnmasked`, `EmployeeNotFound`.
        """
        value = await self._value(emplid, field)  # first: who does not exist is told like who is hidden
        shape = _SHAPES.get(field, Employee)
        view = (await self.ctx.fields.of(who).views(shape, [emplid]))[emplid]
        if field not in view.masked | view.clear:
            raise NotUnmaskable(
                f"{who.name} sees nothing of {field} of {emplid}, not even masked", hint="ask an operator for the scope"
            )
        if not value:
            raise NothingToUnmask(f"there is no {field} of {emplid}")
        async with self.ctx.db.raw() as connection, connection.transaction():
            await self._count(connection, who)
            await self.ctx.audit.write(
                "unmask", subject=emplid, after={"field": field}, reason=reason, connection=connection
            )
        return Unmasked(emplid=emplid, field=field, value=value)

    async def _value(self, emplid: str, field: UnmaskField) -> str | None:
        if field in _SHAPES:
            identity = await self.ctx.get(Identities).of(emplid)
            if field == "birth_date":
                return identity.birth_date or None
            return next((number.national_id or None for number in identity.documents), None)
        async with self.ctx.db.raw() as connection:
            row = await connection.fetchrow(f"select {field} as value from isapi.employee where emplid = $1", emplid)
        if row is None:
            raise EmployeeNotFound(f"there is no employee {emplid}")
        value: str | None = row["value"]
        return value

    async def _count(self, connection: asyncpg.Connection, who: Principal) -> None:
        now, most = self.ctx.now(), self.ctx.get(Settings).unmask_daily
        if not most or await connection.fetchval(_COUNT, who.id, company_date(now), most) is None:
            raise TooManyUnmasked(
                f"{who.name} may have {most} fields unmasked a day",
                hint="an operator can raise unmask_daily",
                headers={"Retry-After": str(_until_tomorrow(now))},
            )


def _until_tomorrow(now: datetime) -> int:
    """Seconds to the company's next midnight."""
    local = now.astimezone(ZoneInfo(ZONE))
    midnight = (local + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
    return int((midnight - local).total_seconds()) + 1
