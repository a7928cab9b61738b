"""National ids and birth dates: read, judged, compared and kept, and nowhere in the clear."""

from __future__ import annotations

from datetime import date

import pytest

from serai.identity import encrypted, rotation
from serai.identity.keyring import Keyring
from serai_ehr import ViewFault
from serai_ehr.demo.numbers import check_character
from serai_isapi import national_ids
from serai_isapi.changes import EMPLOYEE
from serai_isapi.sealing import BIRTHDATE, NATIONAL_ID

COLUMNS = [BIRTHDATE.column, NATIONAL_ID.column]
# Of the appendix of GB 11643 and made up after its rules.
SAMPLE, CENTENARIAN = "11010519491231002X", "440524188001010014"
BOX = "select national_id_box from isapi.nid where emplid = '0003'"
OTHER = "11010519900307011" + check_character("11010519900307011")


@pytest.fixture
def people(house):
    house.configure(national_ids=True)
    house.company.add("NID", emplid="0003", country="CHN", national_id_type="NID", national_id=SAMPLE, primary_nid="Y")
    return house


async def kept(house):
    """The numbers by emplid, opened."""
    rows = await house.rows("select * from isapi.nid")
    return {
        row["emplid"]: house.keys.decrypt(
            NATIONAL_ID.column, (row["emplid"], row["country"], row["national_id_type"]), row["national_id_box"]
        )
        for row in rows
    }


async def everything_kept(house):
    """All tables of isapi and the feed, as text."""
    tables = await house.rows("select oid::regclass::text as name from pg_class where relkind = 'r' and"
                              " relnamespace in ('isapi'::regnamespace, 'serai'::regnamespace)")  # fmt: skip
    return "".join([str(await house.rows(f"select t::text from {table['name']} t")) for table in tables])


@pytest.mark.parametrize(
    ("number", "rule"),
    [
        (SAMPLE, None),
        (CENTENARIAN, None),
        ("83000019920130002" + check_character("83000019920130002"), None),
        ("110105194912310021", "wrong_check_character"),
        ("11010519491331002" + check_character("11010519491331002"), "impossible_birth_date"),
        ("110105491231002", "malformed_national_id"),
    ],
)
def test_a_wrong_check_character_or_date_is_a_mistake_and_a_region_is_none(number, rule):
    assert national_ids.broken_rule("CHN", "NID", number) == rule
    assert national_ids.broken_rule("CHN", "PASSPT", "X1234567") is None


def test_a_region_that_nobody_knows_is_a_warning():
    assert national_ids.warning("CHN", "NID", "99" + SAMPLE[2:]) == "unknown_region"
    assert national_ids.warning("CHN", "NID", CENTENARIAN) is None


async def test_values_are_kept_encrypted_and_found_by_their_index(people):
    people.company.rows["V_IS_NID"][0]["national_id"] = SAMPLE.lower() + " "
    people.company.rows["V_IS_PERSON"][2]["birthdate"] = date(1987, 6, 5)
    await people.sync()
    assert await kept(people) == {"0003": SAMPLE}
    (row,) = await people.rows("select emplid from isapi.nid where national_id_index = any ($1)",
                               people.keys.indexes(NATIONAL_ID.column, SAMPLE))  # fmt: skip
    assert row["emplid"] == "0003"
    born = await people.row("select birthdate_box from isapi.person where emplid = '0003'")
    assert people.keys.decrypt(BIRTHDATE.column, ("0003",), born["birthdate_box"]) == "1987-06-05"
    written = await everything_kept(people)
    assert SAMPLE not in written
    assert "1987-06-05" not in written


async def test_what_did_not_change_keeps_its_box_and_what_did_is_told_without_its_value(people):
    people.company.add("NID", emplid="0004", country="USA", national_id_type="PASSPT", national_id="X1")
    await people.sync()
    before = await people.row(BOX)
    assert (await people.sync())["counts"].count('"changed": 0') == 11
    people.company.rows["V_IS_NID"][0]["primary_nid"] = "N"
    await people.sync()
    assert await people.row(BOX) == before
    head = await people.feed.head()
    people.company.rows["V_IS_NID"][0]["national_id"] = OTHER
    await people.sync()
    assert await kept(people) == {"0003": OTHER, "0004": "X1"}
    (event,) = await people.feed.read([EMPLOYEE], after=head)
    assert (event.key, event.payload.name) == ("0003", "王芳")
    del people.company.rows["V_IS_NID"][0]
    await people.sync()
    assert await kept(people) == {"0004": "X1"}
    assert len(await people.feed.read([EMPLOYEE], after=event.seq)) == 1
    assert OTHER not in await everything_kept(people)


async def test_a_bad_number_is_quarantined_without_its_value_and_the_good_one_stays(people):
    await people.sync()
    bad = SAMPLE[:-1] + "1"
    people.company.rows["V_IS_NID"][0]["national_id"] = bad
    await people.sync()
    assert await people.rules() == [("V_IS_NID", "wrong_check_character")]
    assert await kept(people) == {"0003": SAMPLE}
    content = (await people.row("select content::text from isapi.quarantine"))["content"]
    assert "0003" in content
    assert "box" not in content
    assert bad not in await everything_kept(people)


async def test_a_rotation_is_no_change_for_a_synchronisation(people):
    await people.sync()
    head = await people.feed.head()
    both, new = Keyring([b"n" * 32, b"k" * 32]), Keyring([b"n" * 32])
    await encrypted.declare(people.db, "isapi", COLUMNS)
    people.keys = both.of("isapi", COLUMNS)
    await people.sync()
    await rotation.rotate(people.db, both, lambda *_: None)
    people.keys = new.of("isapi", COLUMNS)
    await people.sync()
    assert await people.feed.head() == head
    assert await kept(people) == {"0003": SAMPLE}


async def test_what_a_lost_key_has_sealed_is_read_from_the_source_again(people):
    await people.sync()
    people.keys = Keyring([b"x" * 32]).of("isapi", COLUMNS)
    await people.sync()
    assert await kept(people) == {"0003": SAMPLE}


async def test_without_the_setting_no_national_id_is_read_or_kept(people):
    await people.sync()
    people.configure()
    people.company.faults = [ViewFault("V_IS_NID", None, "the right to SELECT", "permission denied")]
    await people.sync()
    assert (await people.last_run())["state"] == "done"
    assert await kept(people) == {}
