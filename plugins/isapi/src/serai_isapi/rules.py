"""What a row must keep to be believed. A row that breaks a rule is quarantined under the rule's name."""

from __future__ import annotations

from serai_isapi.records import Record

WORKING = "ALPSW"
"""EMPL_STATUS of people who work here: active, leave, leave with pay, suspended, short work break (as in PER099)."""
GONE = "DQRTUVX"
"""EMPL_STATUS of leavers: deceased, retired (Q, R, X), terminated (T, U), pension pay-out (V)."""
IS_WORKING = f"empl_status in ({', '.join(map(repr, WORKING))})"
"""The condition of a row of `job` in SQL."""


def _one_of(column: str, values: str) -> str:
    return f"({column} is null or {column} not in ({', '.join(repr(value) for value in values.split())}))"


_UNKNOWN_PERSON = "not exists (select from pg_temp.staged_person p where p.emplid = s.emplid)"
_EFF_STATUS = {"unknown_status": _one_of("s.eff_status", "A I")}

_RULES: dict[str, dict[str, str]] = {
    "dept": _EFF_STATUS,
    "jobcode": _EFF_STATUS,
    "location": _EFF_STATUS,
    "dept_tree": {
        "end_before_start": "s.tree_node_num_end < s.tree_node_num",
        "unknown_department": (
            "not exists (select from pg_temp.staged_dept d where d.setid = s.setid and d.deptid = s.tree_node)"
        ),
        "unknown_parent": (
            "s.parent_node_name is not null and not exists"
            " (select from pg_temp.staged_dept_tree p where p.setid = s.setid and p.tree_name = s.tree_name"
            " and p.effdt = s.effdt and p.tree_node = s.parent_node_name)"
        ),
    },
    "name": {"unknown_person": _UNKNOWN_PERSON},
    "contact": {"unknown_kind": _one_of("s.contact_kind", "PHONE EMAIL"), "unknown_person": _UNKNOWN_PERSON},
    "account": {"unknown_person": _UNKNOWN_PERSON},
    "job": {
        "unknown_status": _one_of("s.empl_status", " ".join(WORKING + GONE)),
        "unknown_organisation": _one_of("s.per_org", "EMP CWR POI"),
        "end_before_start": "s.termination_dt < s.hire_dt",
        "unknown_person": _UNKNOWN_PERSON,
        "unknown_department": (
            "s.deptid is not null and not exists"
            " (select from pg_temp.staged_dept d where d.setid = s.setid_dept and d.deptid = s.deptid)"
        ),
    },
    "relation": {
        "unknown_scope": _one_of("s.scope", "D E"),
        "unknown_relation": _one_of("s.relation", "LEADER VP HRBP HRD"),
        "unknown_person": _UNKNOWN_PERSON,
        "unknown_department": (
            "s.scope = 'D' and not exists (select from pg_temp.staged_dept d where d.deptid = s.scope_id)"
        ),
    },
}


def rules_of(record: Record) -> dict[str, str]:
    """The record's rules by name: a condition on `s`, a staged row, that is true where the rule is broken."""
    missing = {f"missing_{column}": f"s.{column} is null" for column in record.key}
    return {**missing, **_RULES.get(record.name, {})}
