"""V_IS_RELATION: who leads, and who looks after whom."""

from __future__ import annotations

from typing import TYPE_CHECKING

from serai_ehr.source import Row

if TYPE_CHECKING:
    from serai_ehr.demo.company import Company


def relation_rows(company: Company) -> tuple[Row, ...]:
    """Leaders of departments; VP, HRD and HRBP of divisions, HRBP of level 3; HRBPs that single people have."""
    rows: list[Row] = []
    hrd = next(iter(company.organisation.root.children)).leader
    for department in company.organisation.opened:
        scope = ("D", department.deptid)
        if department.leader:
            rows.append((*scope, "LEADER", department.leader.emplid, 1, department.led_since))
            if department.level == 2:
                rows.append((*scope, "VP", department.leader.emplid, 1, department.led_since))
        if department.hrbp:
            rows.append((*scope, "HRBP", department.hrbp.emplid, 1, department.looked_after_since))
        if department.level == 2 and hrd:
            rows.append((*scope, "HRD", hrd.emplid, 1, hrd.department.led_since))
    own = (
        ("E", career.person.emplid, "HRBP", career.hrbp.emplid, 1, career.looked_after_since)
        for career in company.with_own_hrbp
        if career.hrbp and career.left is None
    )
    return (*rows, *own)
