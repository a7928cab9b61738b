"""Departments, five levels deep: opened, closed, renamed and moved; the department tree as a nested set."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from serai_ehr.demo import catalogue
from serai_ehr.demo.dice import Dice
from serai_ehr.demo.people import BLANK
from serai_ehr.source import Row

if TYPE_CHECKING:
    from serai_ehr.demo.staff import Assignment

SETID = "SHARE"
TREE = "DEPT_SECURITY"
DEPTH = 5
HR_NAME = "人力资源部"

_SKELETON = (2, 3, 4, 5, 2, 3)
"""On which level the first departments are opened: human resources with all levels, then a second division."""
_SHARES = {2: 0.03, 3: 0.12, 4: 0.33, 5: 0.52}
"""Which part of all departments is on which level."""
_DIVISIONS = (
    HR_NAME, "零售事业群", "技术中台事业群", "物流事业群", "金融科技事业群", "云计算事业群", "国际业务事业群",
    "内容生态事业群", "智能硬件事业群", "财务法务部", "市场公关部", "企业服务事业群",
)  # fmt: skip
_FIELDS = (
    "支付", "搜索", "推荐", "广告", "订单", "商品", "会员", "风控", "数据平台", "基础架构", "运维保障", "信息安全",
    "客户服务", "供应链", "仓储", "配送", "增长", "用户体验", "质量保障", "移动端", "前端", "算法", "存储", "网络",
    "中间件", "采购", "品牌", "渠道", "合规", "招聘", "培训", "薪酬", "战略", "视频", "直播", "地图", "翻译", "语音",
)  # fmt: skip
_REGIONS = ("华北", "华东", "华南", "西南", "东北", "海外", "平台", "创新", "核心", "开放")
_FAMILIES = tuple(catalogue.FAMILIES)
_SUFFIX = {2: "", 3: "部", 4: "团队", 5: "组"}


class DeptRow(NamedTuple):
    """One row of V_IS_DEPT; its fields are the view's columns, in their order."""

    setid: str
    deptid: str
    effdt: date
    eff_status: str
    descr: str
    descrshort: str
    company: str
    location: str
    manager_id: str
    lastupddttm: datetime


class Department:
    """One department as it is now, and its history."""

    def __init__(self, deptid: str, name: str, parent: Department | None, day: date, moment: datetime) -> None:
        self.deptid = deptid
        self.parent = parent
        self.level: int = parent.level + 1 if parent else 1
        self.children: dict[Department, None] = {}
        self.members: dict[Assignment, None] = {}
        self.leader: Assignment | None = None
        self.led_since = moment
        self.hrbp: Assignment | None = None
        self.looked_after_since = moment
        self.open = True
        self.family = catalogue.HR_FAMILY
        """What most people there do, as the letter of a job code."""
        row = DeptRow(SETID, deptid, day, "A", name, name[:10], "DMO", "HQ01", BLANK, moment)
        self.rows: tuple[DeptRow, ...] = (row,)
        if parent:
            parent.children[self] = None

    def record(self, day: date, moment: datetime, **changes: Any) -> None:
        """Add a row in force from `day` on; a row of the same day is corrected, later rows take the changes over."""
        earlier = tuple(row for row in self.rows if row.effdt < day)
        later = tuple(row._replace(**changes, lastupddttm=moment) for row in self.rows if row.effdt > day)
        base = [row for row in self.rows if row.effdt <= day][-1]
        self.rows = (*earlier, base._replace(**changes, effdt=day, lastupddttm=moment), *later)

    @property
    def division(self) -> Department:
        """The department of level 2 above it (the company itself for level 1)."""
        here = self
        while here.level > 2 and here.parent:
            here = here.parent
        return here

    @property
    def in_hr(self) -> bool:
        """Whether it belongs to human resources."""
        return self.division.rows[0].descr == HR_NAME

    def branch(self) -> Iterator[Department]:
        """The department and all below it."""
        yield self
        for child in self.children:
            yield from child.branch()


class Organisation:
    """All departments, and the trees that were in force."""

    def __init__(self, day: date, moment: datetime) -> None:
        self.root = Department("D00001", "瑟瑞演示集团", None, day, moment)
        self.opened = [self.root]
        """The departments that are open, oldest first."""
        self.levels: dict[int, list[Department]] = {level: [] for level in range(1, DEPTH + 1)}
        """The same by level."""
        self.levels[1].append(self.root)
        self.departments = [self.root]
        """Those that were closed too."""
        self.trees: list[tuple[Row, ...]] = []
        self._names = {self.root.rows[0].descr}

    def extend(self, dice: Dice, day: date, moment: datetime) -> Department:
        """Open a department on the level that lacks most, below the parent with the fewest children."""
        total = len(self.opened) + 1
        if len(self.departments) <= len(_SKELETON):
            level = _SKELETON[len(self.departments) - 1]
        else:
            level = max(_SHARES, key=lambda each: _SHARES[each] * total - len(self.levels[each]))
        parent = min(self.levels[level - 1], key=lambda department: len(department.children))
        department = Department(f"D{len(self.departments) + 1:05d}", self._name(dice, level), parent, day, moment)
        if not department.in_hr:
            department.family = dice.pick(_FAMILIES)
        self.departments.append(department)
        self.opened.append(department)
        self.levels[level].append(department)
        return department

    def rename(self, department: Department, dice: Dice, day: date, moment: datetime) -> None:
        """Give it another name from `day` on."""
        name = self._name(dice, department.level)
        department.record(day, moment, descr=name, descrshort=name[:10])

    def move(self, department: Department, parent: Department) -> None:
        """Hang it below another parent of the same level."""
        assert department.parent
        del department.parent.children[department]
        department.parent = parent
        parent.children[department] = None

    def close(self, department: Department, day: date, moment: datetime) -> None:
        """Close an empty department without children."""
        assert department.parent
        del department.parent.children[department]
        self.opened.remove(department)
        self.levels[department.level].remove(department)
        department.open = False
        department.leader = department.hrbp = None
        department.record(day, moment, eff_status="I", manager_id=BLANK)

    def draw_tree(self, day: date) -> None:
        """Keep the tree as it is now, as the one in force from `day` on."""
        rows: list[Row] = []
        self._number(self.root, 1, day, rows)
        self.trees.append(tuple(rows))

    def _number(self, department: Department, number: int, day: date, rows: list[Row]) -> int:
        """Append the branch's rows; return the first number after it."""
        at = len(rows)
        rows.append(())
        after = number + 1
        for child in department.children:
            after = self._number(child, after, day, rows)
        parent = department.parent.deptid if department.parent else BLANK
        rows[at] = (SETID, TREE, day, department.deptid, parent, number, after - 1, department.level)
        return after

    def _name(self, dice: Dice, level: int) -> str:
        """A name that no other department has or had."""
        unused = [name for name in _DIVISIONS if name not in self._names] if level == 2 else []
        if unused:
            name = unused[0]
        else:
            base = dice.pick(_REGIONS) + dice.pick(_FIELDS) if level > 3 else dice.pick(_FIELDS) + "业务"
            name = base + _SUFFIX[level]
            count = 1
            while name in self._names:
                count += 1
                name = f"{base}{count}{_SUFFIX[level]}"
        self._names.add(name)
        return name
