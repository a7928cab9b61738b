"""Masks show enough to recognise a value that one knows, and never a short one."""

import pytest

from serai.identity.masks import MASKS


@pytest.mark.parametrize(
    ("mask", "value", "shown"),
    [
        ("phone", "13812348000", "138****8000"),
        ("phone", "+86 13812348000", "138****8000"),
        ("phone", "138 1234 8000", "138****8000"),
        ("phone", "+1 415-555-0100", "***"),
        ("phone", "12345678", "***"),
        ("id_number", "11010519491231002X", "110***********002X"),
        ("id_number", "110105491231002", "110********1002"),
        ("id_number", "G12345678", "***"),
        ("name", "张伟", "张*"),
        ("name", "欧阳修远", "欧*"),
        ("name", "张", "***"),
        ("mail", "zhangwei@corp.example", "z***@corp.example"),
        ("mail", "z@corp.example", "***"),
        ("mail", "no mail at all", "***"),
        ("mail", "zhangwei@", "***"),
        ("bank_account", "6222 0200 1234 5671234", "**** 1234"),
        ("bank_account", "12345678", "***"),
        ("address", "北京市海淀区上地十街10号", "北京市海淀区***"),
        ("address", "广东省深圳市南山区科技园1栋2单元", "广东省深圳市南山区***"),
        ("address", "海淀区", "***"),
        ("address", "10 Main Street", "***"),
        ("text", "anything", "***"),
        *((mask, "", "***") for mask in MASKS),
    ],
)
def test_a_mask_shows(mask, value, shown):
    assert MASKS[mask](value) == shown


@pytest.mark.parametrize("mask", MASKS)
@pytest.mark.parametrize("value", ["", "1", "张", "张伟", "1234", "138000", "a@b", "北京", "5678 1234"])
def test_a_short_value_is_not_given_away(mask, value):
    shown = MASKS[mask](value)
    assert len(value) < 2 or value not in shown
    if mask != "name":  # the surname is what a masked name is for
        assert not any(character in shown for character in value if character not in "@. *")
