"""What isapi answers, for the peers that write SQL themselves: the same tables, conditions and shapes."""

from __future__ import annotations

import asyncpg

EMPLOYEE = """
    select emplid, name, name_en, pinyin, rtx_id, ad_account, mail, work_phone, deptid, department_name,
           department_path_name, title, location, location_name, company, business_unit, manager_emplid,
           employment_type, status
    from isapi.employee
"""
ONE = f"{EMPLOYEE} where emplid = $1"
IN_DEPARTMENT = f"{EMPLOYEE} where deptid = $1 and status = 'active' order by emplid limit $2"
BY_NAME = f"{EMPLOYEE} where search like $1 and status = 'active' order by emplid limit $2"


def beginning(q: str) -> str:
    """The pattern of `search`, which holds every way to write a person with `|` before each, that begin with `q`."""
    escaped = q.lower().replace("\\", r"\\").replace("%", r"\%").replace("_", r"\_")
    return f"%|{escaped}%"


def employee(row: asyncpg.Record) -> dict[str, object]:
    """A row of `EMPLOYEE` as it is on the wire."""
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


def page(rows: list[asyncpg.Record], limit: int) -> dict[str, object]:
    """The first `limit` of the rows, of which one more than that says that another page follows."""
    cursor = rows[limit - 1]["emplid"] if len(rows) > limit else None
    return {"items": [employee(row) for row in rows[:limit]], "next_cursor": cursor}
