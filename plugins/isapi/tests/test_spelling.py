"""How names are read."""

from __future__ import annotations

import pytest

from serai_isapi.spelling import spell


@pytest.mark.parametrize(
    ("name", "pinyin"),
    [
        ("曾国藩", "zeng guo fan"), ("单雄信", "shan xiong xin"), ("仇英", "qiu ying"), ("解缙", "xie jin"),
        ("查良镛", "zha liang yong"), ("朴树", "piao shu"), ("翟天", "zhai tian"), ("盖聂", "ge nie"),
        ("区伟", "ou wei"), ("单于明", "chan yu ming"), ("尉迟恭", "yu chi gong"), ("万俟卨", "mo qi xie"),
        ("欧阳修", "ou yang xiu"), ("张伟国", "zhang wei guo"), ("吕布", "lv bu"),
    ],
)  # fmt: skip
def test_surnames_are_read_as_surnames(name, pinyin):
    assert spell(name).pinyin == pinyin


def test_keys_are_every_way_to_begin():
    assert spell("曾伟").keys.split("|") == ["曾伟", "伟", "zengwei", "wei", "zw", "w"]


def test_a_western_name_has_its_words_as_keys():
    spelling = spell("O'Neill, Jean-Luc")
    assert spelling.pinyin is None
    assert {"neill", "jean-luc"} <= set(spelling.keys.split("|"))


@pytest.mark.parametrize("name", ["·", "𠮷田", "买买提·艾力", "🙂", "A"])
def test_any_name_can_be_spelled(name):
    assert spell(name).keys is not None
