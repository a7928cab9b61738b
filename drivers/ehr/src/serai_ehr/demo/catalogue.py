"""The setup tables of the company: job codes, locations, companies, with a SETID for China and one for abroad."""

from __future__ import annotations

from datetime import date, datetime, time

import attrs

from serai_ehr.demo.clock import ZONE
from serai_ehr.source import Row

CHINA, ABROAD = "CHN", "INT"
SETIDS = (CHINA, ABROAD)

_BEGINNING = date(2000, 1, 1)
_RENAMED = date(2019, 7, 1)
"""The day on which the top titles of the professional ladders got new names."""

FAMILIES = {
    "T": ("软件工程师", "Software Engineer"),
    "Q": ("测试工程师", "Test Engineer"),
    "D": ("数据分析师", "Data Analyst"),
    "P": ("产品经理", "Product Manager"),
    "U": ("设计师", "Designer"),
    "O": ("运营专员", "Operations Specialist"),
    "S": ("销售代表", "Sales Representative"),
    "C": ("客服专员", "Support Specialist"),
    "L": ("物流专员", "Logistics Specialist"),
    "F": ("会计", "Accountant"),
    "H": ("人力资源专员", "HR Specialist"),
}
"""Letter of a job code -> what the people do, in Chinese and English."""

HR_FAMILY = "H"

_GRADES = (
    ("助理", "Assistant"),
    ("初级", "Junior"),
    ("", ""),
    ("高级", "Senior"),
    ("资深", "Staff"),
    ("首席", "Principal"),
)
TOP_LEVEL = len(_GRADES)

_LEADERS = {
    1: ("首席执行官", "Chief Executive Officer"),
    2: ("副总裁", "Vice President"),
    3: ("总监", "Director"),
    4: ("经理", "Manager"),
    5: ("组长", "Team Lead"),
}
"""Level of the department -> title of who leads it."""


@attrs.frozen
class Place:
    """A location and what of a person's job hangs on it."""

    setid: str
    code: str
    name: str
    city: str
    country: str
    company: str
    business_unit: str


PLACES = (
    Place(CHINA, "HQ01", "北京总部", "北京", "CHN", "DMO", "CN001"),
    Place(CHINA, "HQ02", "北京亦庄园区", "北京", "CHN", "DMO", "CN001"),
    Place(CHINA, "SH01", "上海张江中心", "上海", "CHN", "DMO", "CN001"),
    Place(CHINA, "SZ01", "深圳南山中心", "深圳", "CHN", "DMO", "CN002"),
    Place(CHINA, "CD01", "成都天府中心", "成都", "CHN", "DMO", "CN002"),
    Place(CHINA, "WH01", "武汉光谷中心", "武汉", "CHN", "DMS", "CN003"),
    Place(CHINA, "SQ01", "宿迁客服中心", "宿迁", "CHN", "DMS", "CN003"),
    Place(ABROAD, "HQ01", "Singapore Office", "Singapore", "SGP", "DMI", "SG001"),
    Place(ABROAD, "TK01", "Tokyo Office", "Tokyo", "JPN", "DMI", "JP001"),
    Place(ABROAD, "MU01", "Munich Office", "München", "DEU", "DMI", "DE001"),
)
"""Code HQ01 is in both SETIDs and means two places: setup tables must be joined on SETID too."""

HOME_PLACES = PLACES[:7]
FOREIGN_PLACES = PLACES[7:]


def professional_code(family: str, level: int) -> str:
    """The job code of a profession; levels go from 1 to `TOP_LEVEL`."""
    return f"{family}{level:03d}"


def leader_code(department_level: int) -> str:
    """The job code of who leads a department of that level (1 is the whole company)."""
    return f"M{department_level:03d}"


def _entered(day: date) -> datetime:
    return datetime.combine(day, time(9), ZONE)


def jobcode_rows(until: date) -> list[Row]:
    """V_IS_JOBCODE as of a day on which it is read."""
    titles: list[tuple[str, date, str, str]] = []
    for family, (chinese, english) in FAMILIES.items():
        for level, (before, before_english) in enumerate(_GRADES, start=1):
            code = professional_code(family, level)
            titles.append((code, _BEGINNING, before + chinese, f"{before_english} {english}".strip()))
            if level == TOP_LEVEL and until >= _RENAMED:
                titles.append((code, _RENAMED, chinese + "专家", f"Distinguished {english}"))
    titles += [(leader_code(level), _BEGINNING, *both) for level, both in _LEADERS.items()]
    return [
        (setid, code, since, "A", title[:30], title[:10], _entered(since))
        for code, since, chinese, english in titles
        for setid, title in zip(SETIDS, (chinese, english), strict=True)
    ]


def location_rows() -> list[Row]:
    """V_IS_LOCATION."""
    since = _BEGINNING
    return [
        (place.setid, place.code, since, "A", place.name, place.city, place.country, _entered(since))
        for place in PLACES
    ]


def acquired_departments() -> list[Row]:
    """Departments of a company that was bought and dissolved: DEPTIDs of ours, in a SETID of its own."""
    since = _BEGINNING
    return [
        (
            "OLD01",
            f"D{number:05d}",
            since,
            "I",
            f"原收购公司第{number}部",
            "原收购",
            "OLD",
            "HQ01",
            " ",
            _entered(since),
        )
        for number in (2, 3, 4)
    ]
