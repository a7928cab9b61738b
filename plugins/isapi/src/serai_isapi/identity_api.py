"""The part of the JSON API that opens what is kept encrypted, under /isapi/api/v1. Nothing of it may be cached."""

from __future__ import annotations

from serai import Api, Call
from serai_isapi.hidden import HiddenPeople
from serai_isapi.identities import Identities
from serai_isapi.identity_shapes import Bearers, Identity, NationalIdQuestion, Unmasked, UnmaskRequest
from serai_isapi.problems import EmployeeNotFound
from serai_isapi.unmasking import NothingToUnmask, NotUnmaskable, TooManyUnmasked, Unmasking

api = Api(version=1)


@api.get("/employees/{emplid}/identity", permission="isapi:read", raises=[EmployeeNotFound])
async def get_identity(call: Call, emplid: str) -> Identity:
    """National ids and the birth date, each clear, masked or left out, by who asks."""
    call.headers["Cache-Control"] = "no-store"
    _refuse_hidden(call, emplid)
    return await call.get(Identities).of(emplid)


@api.post("/employees:by-national-id", permission="isapi:identity")
async def find_by_national_id(call: Call, body: NationalIdQuestion) -> Bearers:
    """The emplids of those with that national id."""
    call.headers["Cache-Control"] = "no-store"
    hidden = call.get(HiddenPeople).of(call.who)
    found = await call.get(Identities).bearers(body.national_id, body.country)
    return Bearers(emplids=[emplid for emplid in found if emplid not in hidden])


@api.post(
    "/employees/{emplid}/unmask",
    permission="isapi:unmask",
    raises=[EmployeeNotFound, NotUnmaskable, NothingToUnmask, TooManyUnmasked],
)
async def unmask(call: Call, emplid: str, body: UnmaskRequest) -> Unmasked:
    """One field of somebody clear, for who sees it masked; who, whose, what and why is kept in the audit log."""
    call.headers["Cache-Control"] = "no-store"
    _refuse_hidden(call, emplid)
    return await call.get(Unmasking).unmask(call.who, emplid, body.field, body.reason)


def _refuse_hidden(call: Call, emplid: str) -> None:
    if emplid in call.get(HiddenPeople).of(call.who):
        raise EmployeeNotFound(f"there is no employee {emplid}")
