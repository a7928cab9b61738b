"""What all peers have in common: the queries, and the JSON that they give."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

COLUMNS = """
    emplid, name, name_en, pinyin, rtx_id, ad_account, mail, work_phone, deptid, department_name,
    department_path_name, title, location, location_name, company, business_unit, manager_emplid, employment_type,
    status
"""
EMPLOYEE = f"select {COLUMNS} from isapi.employee"
ONE = f"{EMPLOYEE} where emplid = $1"
BY_DEPARTMENT = f"{EMPLOYEE} where deptid = $1 and status = 'active' order by emplid limit $2"
BY_PREFIX = f"{EMPLOYEE} where search like $1 and status = 'active' order by emplid limit $2"


def pattern(q: str) -> str:
    """What `search` is like where one of its keys begins with one plain word."""
    return f"%|{q.lower()}%"


def employee(row: Mapping[str, Any]) -> dict[str, object]:
    return {
        "emplid": row["emplid"],
        "name": row["name"],
        "name_en": row["name_en"],
        "pinyin": row["pinyin"],
        "rtx_id": row["rtx_id"],
        "ad_account": row["ad_account"],
        "mail": row["mail"],
        "work_phone": row["work_phone"],
        "department": row["deptid"]
        and {"deptid": row["deptid"], "name": row["department_name"], "path": row["department_path_name"]},
        "title": row["title"],
        "location": row["location"] and {"code": row["location"], "name": row["location_name"]},
        "company": row["company"],
        "business_unit": row["business_unit"],
        "manager_emplid": row["manager_emplid"],
        "employment_type": row["employment_type"],
        "status": row["status"],
    }


def page(people: list[dict[str, object]], limit: int) -> dict[str, object]:
    """A page of people, of whom there is one more than `limit` where another page follows."""
    cursor = people[limit - 1]["emplid"] if len(people) > limit else None
    return {"items": people[:limit], "next_cursor": cursor}
