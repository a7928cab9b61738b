"""What is kept encrypted, over the API: who sees it, who finds whom by it, and what one value costs."""

from __future__ import annotations

from datetime import timedelta

import pytest

from serai import Relations, SeraiError
from serai.identity import audit
from serai.web.fields import redacted
from serai_isapi import identity_api
from serai_isapi.identity_shapes import Bearers, NationalIdQuestion, UnmaskRequest
from serai_isapi.problems import EmployeeNotFound
from serai_isapi.relations import Colleagues
from serai_isapi.unmasking import NothingToUnmask, NotUnmaskable, TooManyUnmasked

NUMBER = "11010519491231002X"
REASON = "calls about the new contract"


@pytest.fixture
async def filled(house, company):
    """0002 is the HR partner of everybody; 0003 has a citizen's number, a passport and a mobile phone."""
    house.configure(national_ids=True, unmask_daily=3)
    company.add("NID", emplid="0003", country="USA", national_id_type="PASSPT", national_id="X123", primary_nid="N")
    company.add("NID", emplid="0003", country="CHN", national_id_type="NID", national_id=NUMBER, primary_nid="Y")
    company.add("CONTACT", emplid="0003", contact_kind="PHONE", contact_type="CELL", contact_value="13812348000")
    await house.sync()
    house.services.offer(Relations, Colleagues(house.db))
    return house


async def identity(call, emplid="0003"):
    """What the caller sees on the wire."""
    return (await redacted(call, await identity_api.get_identity(call, emplid))).value


async def test_the_person_and_the_scope_see_it_clear_the_hr_partner_masked_and_others_not_at_all(filled):
    for call in (filled.call(person="0003"), filled.call("isapi:identity")):
        seen = await identity(call)
        assert seen.birth_date == "1990-01-01"
        assert [(one.country, one.national_id) for one in seen.documents] == [("CHN", NUMBER), ("USA", "X123")]
        assert call.headers["Cache-Control"] == "no-store"
    partner = await identity(filled.call(person="0002"))
    assert (partner.birth_date, partner.documents[0].national_id) == ("***", "110***********002X")
    for call in (filled.call(person="0004"), filled.call("isapi:contact", "isapi:unmask")):
        assert NUMBER not in str(seen := await identity(call))
        assert "1990" not in str(seen)
        assert "CHN" not in str(seen)
    with pytest.raises(EmployeeNotFound):
        await identity_api.get_identity(filled.call(), "9999")


async def test_somebody_is_found_by_a_national_id_however_it_is_written(filled):
    async def find(number, country="CHN"):
        body = NationalIdQuestion(national_id=number, country=country)
        return await identity_api.find_by_national_id(filled.call("isapi:identity"), body)

    assert await find(NUMBER) == await find(" 110105 19491231 002x") == Bearers(emplids=["0003"])
    assert await find("x123", "USA") == Bearers(emplids=["0003"])
    assert await find("X123") == await find("440524188001010014") == Bearers(emplids=[])


async def unmask(call, field, emplid="0003"):
    return (await identity_api.unmask(call, emplid, UnmaskRequest(field=field, reason=REASON))).value


async def test_a_masked_value_is_shown_clear_for_a_reason_that_is_kept(filled):
    partner = filled.call("isapi:unmask", person="0002")
    assert await unmask(partner, "national_id") == NUMBER
    assert await unmask(partner, "birth_date") == "1990-01-01"
    assert partner.headers["Cache-Control"] == "no-store"
    assert await unmask(filled.call("isapi:unmask", person="0004"), "mobile_phone") == "13812348000"
    *_, first = await audit.entries(filled.db, action="isapi.unmask", limit=3)
    assert (first.subject, first.after, first.reason) == ("0003", {"field": "national_id"}, REASON)


async def test_what_is_not_even_seen_masked_is_refused_and_so_is_what_is_not_there(filled):
    before = len(await audit.entries(filled.db))
    for call, field in (
        (filled.call("isapi:unmask", person="0004"), "national_id"),
        (filled.call("isapi:unmask"), "mobile_phone"),
    ):
        with pytest.raises(NotUnmaskable):
            await unmask(call, field)
    with pytest.raises(NothingToUnmask):
        await unmask(filled.call("isapi:unmask", person="0002"), "national_id", "0004")
    with pytest.raises(EmployeeNotFound):
        await unmask(filled.call("isapi:unmask", "isapi:contact"), "mobile_phone", "9999")
    assert len(await audit.entries(filled.db)) == before


async def test_a_client_has_so_many_fields_unmasked_a_day(filled):
    partner = filled.call("isapi:unmask", person="0002")
    for _ in range(3):
        await unmask(partner, "national_id")
    before = len(await audit.entries(filled.db))
    with pytest.raises(TooManyUnmasked) as refused:
        await unmask(partner, "national_id")
    assert int(refused.value.headers["Retry-After"]) == 12 * 3600 + 1
    assert len(await audit.entries(filled.db)) == before
    filled.present += timedelta(days=1)
    assert await unmask(partner, "national_id") == NUMBER
    filled.configure(unmask_daily=0)
    with pytest.raises(TooManyUnmasked):
        await unmask(partner, "national_id")


async def test_a_value_that_was_moved_to_another_person_is_not_shown(filled):
    await filled.row("update isapi.person set birthdate_box = (select birthdate_box from isapi.person where"
                     " emplid = '0003') where emplid = '0004'")  # fmt: skip
    with pytest.raises(SeraiError, match="does not open"):
        await identity_api.get_identity(filled.call(person="0004"), "0004")
