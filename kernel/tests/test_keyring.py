"""Values open with their key, in their place, and nowhere else."""

from __future__ import annotations

from datetime import date

import pytest

from serai.declarations import EncryptedColumn
from serai.errors import PluginError, SeraiError
from serai.identity.keyring import DoesNotOpen, KeyMissing, Keyring

OLD, NEW = b"o" * 32, b"n" * 32
NID = EncryptedColumn(name="nid.number_box", row=["emplid", "since"], index="number_index")
BORN = EncryptedColumn(name="person.born_box", row=["emplid", "since"])
ROW = ["0001", date(2020, 1, 1)]
VALUE = "11010519491231002X"


@pytest.fixture
def keys():
    return Keyring([NEW, OLD]).of("demo", [NID, BORN])


def test_a_value_opens_in_its_row(keys):
    box = keys.encrypt(NID, ROW, VALUE)
    assert VALUE.encode() not in box
    assert keys.decrypt(NID, ROW, box) == VALUE
    assert keys.encrypt(NID, ROW, VALUE) != box


def test_a_box_does_not_open_elsewhere_nor_changed(keys):
    box = keys.encrypt(NID, ROW, VALUE)
    changed = box[:-1] + bytes([box[-1] ^ 1])
    stranger = Keyring([NEW]).of("other", [NID])
    for opening in (
        lambda: keys.decrypt(NID, ["0002", date(2020, 1, 1)], box),
        lambda: keys.decrypt(BORN, ROW, box),
        lambda: keys.decrypt(NID, ROW, changed),
        lambda: stranger.decrypt(NID, ROW, box),
        lambda: keys.decrypt(NID, ROW, b"plain"),
    ):
        with pytest.raises(DoesNotOpen) as refused:
            opening()
        assert "number_box" in str(refused.value) or "born_box" in str(refused.value)
        assert VALUE not in str(refused.value)


def test_a_value_of_an_older_key_opens_and_one_of_a_missing_key_names_it(keys):
    older = Keyring([OLD])
    box = older.of("demo", [NID]).encrypt(NID, ROW, VALUE)
    assert keys.decrypt(NID, ROW, box) == VALUE
    with pytest.raises(KeyMissing) as refused:
        Keyring([NEW]).of("demo", [NID]).decrypt(NID, ROW, box)
    assert older.first.hex() in refused.value.sentence
    assert "kernel.keys" in refused.value.sentence
    assert "demo.nid.number_box" in refused.value.sentence


def test_equal_values_have_equal_indexes_of_their_column_and_one_for_each_key(keys):
    index = keys.index(NID, VALUE)
    assert index == keys.index(NID, VALUE) != keys.index(NID, "110105194912310021")
    assert keys.index(BORN, VALUE) != index
    before = Keyring([OLD]).of("demo", [NID]).index(NID, VALUE)
    assert keys.indexes(NID, VALUE) == [index, before]


def test_what_is_derived_is_the_plugins_own(keys):
    assert len(keys.derive("rows")) == 32
    other = Keyring([NEW]).of("other", [])
    assert len({keys.derive("rows"), keys.derive("names"), other.derive("rows")}) == 3


def test_only_what_is_declared_is_encrypted(keys):
    other = EncryptedColumn(name="nid.other_box", row=["emplid"])
    with pytest.raises(PluginError, match=r"demo encrypts nid\.other_box, which it does not declare"):
        keys.encrypt(other, ["0001"], VALUE)
    with pytest.raises(PluginError, match="by 1 values, expected emplid, since"):
        keys.encrypt(NID, ["0001"], VALUE)


def test_a_keyring_without_a_key_or_with_one_twice_is_refused():
    with pytest.raises(SeraiError, match="no key"):
        Keyring([])
    with pytest.raises(SeraiError, match="twice"):
        Keyring([NEW, NEW])


@pytest.mark.parametrize(
    "mistake",
    [
        {"name": "nid", "row": ["emplid"]},
        {"name": "nid.box; drop table x", "row": ["emplid"]},
        {"name": "nid.box", "row": []},
        {"name": "nid.box", "row": ["emplid; --"]},
        {"name": "nid.box", "row": ["emplid"], "index": "a b"},
        {"name": "nid.box", "row": ["emplid"], "copies": ["x.y"]},
    ],
)
def test_names_that_are_none_are_refused(mistake):
    with pytest.raises(ValueError, match="nid"):
        EncryptedColumn(**mistake)
