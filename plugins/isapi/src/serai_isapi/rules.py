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


def _unknown(relation: str, condition: str) -> str:
    """No row of `pg_temp.known_...` (see `staging`) meets the condition."""
    return f"not exists (select from pg_temp.known_{relation} k where {condition})"


_UNKNOWN_PERSON = _unknown("person", "k.emplid = s.emplid")
_EFF_STATUS = {"unknown_status": _one_of("s.eff_status", "A I")}

_RULES: dict[str, dict[str, str]] = {
    "dept": _EFF_STATUS,
    "jobcode": _EFF_STATUS,
    "location": _EFF_STATUS,
    "dept_tree": {"end_before_start": "s.tree_node_num_end < s.tree_node_num"},
    "contact": {"unknown_kind": _one_of("s.contact_kind", "PHONE EMAIL")},
    "job": {
        "unknown_status": _one_of("s.empl_status", " ".join(WORKING + GONE)),
        "unknown_organisation": _one_of("s.per_org", "EMP CWR POI"),
        "end_before_start": "s.termination_dt < s.hire_dt",
    },
    "relation": {
        "unknown_scope": _one_of("s.scope", "D E"),
        "unknown_relation": _one_of("s.relation", "LEADER VP HRBP HRD"),
    },
}

_REFERENCES: dict[str, dict[str, str]] = {
    "dept_tree": {
        "unknown_department": _unknown("dept", "k.setid = s.setid and k.deptid = s.tree_node"),
        "unknown_parent": "s.parent_node_name is not null and "
        + _unknown(
            "dept_tree",
            "k.setid = s.setid and k.tree_name = s.tree_name and k.effdt = s.effdt"
            " and k.tree_node = s.parent_node_name",
        ),
    },
    "name": {"unknown_person": _UNKNOWN_PERSON},
    "contact": {"unknown_person": _UNKNOWN_PERSON},
    "account": {"unknown_person": _UNKNOWN_PERSON},
    "nid": {"unknown_person": _UNKNOWN_PERSON},
    "job": {
        "unknown_person": _UNKNOWN_PERSON,
        "unknown_department": "s.deptid is not null and "
        + _unknown("dept", "k.setid = s.setid_dept and k.deptid = s.deptid"),
    },
    "relation": {
        "unknown_person": _UNKNOWN_PERSON,
        "unknown_department": "s.scope = 'D' and " + _unknown("dept", "k.deptid = s.scope_id"),
    },
}

REFERENCES = frozenset(rule for rules in _REFERENCES.values() for rule in rules)
"""Rules that a row may come to break, or to keep, although it stays as it is."""


def references_of(record: Record) -> dict[str, str]:
    """The record's rules about other rows, by name: conditions as those of `rules_of`."""
    return _REFERENCES.get(record.name, {})


def rules_of(record: Record) -> dict[str, str]:
    """The record's rules by name: a condition on `s`, a staged row, that is true where the rule is broken."""
    missing = {f"missing_{column}": f"s.{column} is null" for column in record.key}
    return {**missing, **_RULES.get(record.name, {}), **references_of(record)}


_EXPLAINED = {
    "missing": ("{column} is empty, and it is a part of the key", "fill it in, or remove the row"),
    "unparsable": (
        "{column} has a value of another type, one too large, or a character that no database takes",
        "key the value anew; where every row has it, look at the view's definition",
    ),
    "duplicate_key": ("several rows have this key", "leave one of them; where many have it, look at the view's joins"),
    "unknown_status": ("the status is none that we know", "set EMPL_STATUS or EFF_STATUS to a value of the contract"),
    "unknown_organisation": ("PER_ORG is neither EMP nor CWR nor POI", "correct PER_ORG"),
    "unknown_kind": ("CONTACT_KIND is neither PHONE nor EMAIL", "correct the view V_IS_CONTACT"),
    "unknown_scope": ("SCOPE is neither D nor E", "correct the view V_IS_RELATION"),
    "unknown_relation": ("RELATION is none of LEADER, VP, HRBP, HRD", "correct RELATION"),
    "end_before_start": ("it ends before it begins", "correct the dates, or the numbers of the tree's node"),
    "malformed_national_id": ("the citizen's number has not 17 digits and a check character", "key the number anew"),
    "wrong_check_character": ("the citizen's number has another check character", "key the number anew"),
    "impossible_birth_date": ("there is no such day as the citizen's number says", "key the number anew"),
    "unknown_person": ("there is no person of this EMPLID in V_IS_PERSON", "create the person, or correct the EMPLID"),
    "unknown_department": (
        "there is no such department under that SETID in V_IS_DEPT",
        "create the department, or correct DEPTID and SETID",
    ),
    "unknown_parent": (
        "the node above is not in the same edition of the tree",
        "correct PARENT_NODE_NAME, or put the node above into the tree",
    ),
}


def explain(rule: str) -> tuple[str, str]:
    """What a row that breaks the rule is like, and what to do about it in the source."""
    name, _, column = rule.partition("_")
    what, remedy = _EXPLAINED.get(rule) or _EXPLAINED[name]
    return what.format(column=column.upper()), remedy
