"""Surnames that are read otherwise than their characters usually are, where pypinyin takes the usual reading."""

from __future__ import annotations

SINGLE = {
    "曾": "zeng", "单": "shan", "單": "shan", "仇": "qiu", "解": "xie", "查": "zha", "朴": "piao", "翟": "zhai",
    "盖": "ge", "蓋": "ge", "区": "ou", "區": "ou", "洗": "xian", "员": "yun", "員": "yun", "贠": "yun",
    "繁": "po", "秘": "bi", "覃": "qin", "黑": "he", "种": "chong", "折": "she", "乐": "yue", "樂": "yue",
    "缪": "miao", "繆": "miao", "召": "shao", "隗": "wei", "郇": "xun", "牟": "mu", "祭": "zhai", "藏": "zang",
    "佴": "nai", "都": "du", "阚": "kan", "闞": "kan", "薄": "bo", "卜": "bu", "句": "gou", "炅": "gui",
    "角": "jue", "乜": "nie", "降": "xiang", "尉": "wei", "任": "ren", "华": "hua", "冼": "xian", "谌": "chen",
}  # fmt: skip

COMPOUND = {
    "单于": "chan yu", "單于": "chan yu", "乐正": "yue zheng", "樂正": "yue zheng", "子车": "zi ju", "尉迟": "yu chi",
    "尉遲": "yu chi", "万俟": "mo qi", "长孙": "zhang sun", "長孫": "zhang sun", "澹台": "tan tai", "鲜于": "xian yu",
}  # fmt: skip
"""Surnames of two characters; they win over the table above."""
