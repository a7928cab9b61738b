"""Finding departments."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import attrs

from serai import Database
from serai_isapi.problems import DepartmentNotFound
from serai_isapi.published import PRESENT, Edition
from serai_isapi.shapes import Department, DepartmentNode, DepartmentTree
from serai_isapi.statement import Statement


@attrs.frozen
class Departments:
    """The published departments."""

    db: Database

    async def search(
        self,
        *,
        q: str | None = None,
        parent: str | None = None,
        inactive: bool = False,
        edition: Edition = PRESENT,
        limit: int = 50,
        after: Sequence[str] | None = None,
    ) -> list[Department]:
        """At most `limit` departments in the order of (setid, deptid), from beyond `after` on.

        `q` is a part of the name, or the beginning of the deptid; closed ones are there where `inactive` says so.
        """
        statement = Statement(edition)
        if q is not None:
            statement.where("(strpos(lower(d.name), lower({0})) > 0 or starts_with(d.deptid, {0}))", q.strip())
        if parent is not None:
            statement.where("d.parent_deptid = {}", parent)
        if not inactive:
            statement.where("d.active")
        if after is not None:
            statement.where("(d.setid, d.deptid) > ({}, {})", *after)
        return await self._departments(statement, f"order by d.setid, d.deptid limit {int(limit)}")

    async def one(self, deptid: str, *, edition: Edition = PRESENT) -> Department:
        """That department, active or not; of several SETIDs that use the deptid, the first.

        Raises `DepartmentNotFound`.
        """
        statement = Statement(edition)
        statement.where("d.deptid = {}", deptid)
        found = await self._departments(statement, "order by d.active desc, d.setid limit 1")
        if not found:
            raise DepartmentNotFound(f"there is no department {deptid}")
        return found[0]

    async def tree(self, *, root: str | None = None, edition: Edition = PRESENT) -> DepartmentTree:
        """The active departments as a tree; from `root` down where it is given. Raises `DepartmentNotFound`."""
        statement = Statement(edition)
        statement.where("d.active")
        if root is not None:
            statement.where("d.path @> array[{}::text]", root)
        found = await self._departments(statement, "order by d.level, d.sequence, d.setid, d.deptid")
        if root is not None and not found:
            raise DepartmentNotFound(f"there is no department {root}")
        return DepartmentTree(roots=_grow(found))

    async def _departments(self, statement: Statement, tail: str) -> list[Department]:
        select = f"select {_COLUMNS} from {statement.edition.department} d{statement.filter} {tail}"
        async with self.db.raw() as connection:
            rows = await connection.fetch(statement.edition.query(select), *statement.values)
        return [_department(row) for row in rows]


_COLUMNS = ", ".join(f"d.{field}" for field in Department.__struct_fields__)


def _department(row: Mapping[str, Any]) -> Department:
    return Department(**row)


def _grow(departments: Sequence[Department]) -> list[DepartmentNode]:
    """Nodes of departments that come level by level; one whose parent is not among them becomes a root."""
    roots: list[DepartmentNode] = []
    nodes: dict[tuple[str, str | None], DepartmentNode] = {}
    for department in departments:
        node = DepartmentNode(
            deptid=department.deptid, setid=department.setid, name=department.name, level=department.level, children=[]
        )
        nodes[department.setid, department.deptid] = node
        above = nodes.get((department.setid, department.parent_deptid))
        (above.children if above else roots).append(node)
    return roots
