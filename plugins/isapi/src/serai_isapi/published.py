"""Who is published, and where in the company, on one day: derived from the records by SQL.

The rules of effective dating (PeopleSoft):
1. the current row is the one with the greatest EFFDT up to the day, and of those the greatest EFFSEQ;
2. where there is none yet, the earliest future row stands for a person who is going to join;
3. of several assignments (EMPL_RCD) one is published: a current before a future one, then JOB_INDICATOR `P`, then a
   working one, then the latest EFFDT;
4. departments, job codes and locations are found by SETID and key, as they are on the day.

Relations have no history: the leaders of another day are today's.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import date
from functools import lru_cache
from typing import Any

import attrs
from sqlalchemy import ARRAY, Column

from serai_isapi import tables
from serai_isapi.rules import IS_WORKING

_NEAREST = "effdt > $1, abs(effdt - $1)"
"""Orders the rows of one key: the current row comes first, else the earliest future one."""


def assignments(only: str = "true") -> str:
    """CTEs `assignment`, `published_job`, `working`, of people that meet a condition on `emplid`."""
    return f"""
assignment as (
    select distinct on (emplid, empl_rcd) *, effdt > $1 as ahead
    from isapi.job where {only} order by emplid, empl_rcd, {_NEAREST}, effseq desc
),
published_job as (
    select distinct on (emplid) *, {IS_WORKING} and not ahead as works from assignment
    order by emplid, ahead, coalesce(job_indicator, 'S') = 'P' desc, {IS_WORKING} desc, effdt desc, empl_rcd
),
working as (select emplid from published_job where works)"""


DEPARTMENT = f"""
tree_edition as (
    select setid, max(effdt) as effdt from isapi.dept_tree
    where tree_name = 'DEPT_SECURITY' and effdt <= $1 group by setid
),
node as (
    select t.setid, t.tree_node as deptid, t.parent_node_name as parent, t.tree_node_num as sequence
    from isapi.dept_tree t join tree_edition using (setid, effdt) where t.tree_name = 'DEPT_SECURITY'
),
dept_on_day as (
    select distinct on (setid, deptid) *, coalesce(descr, deptid) as label
    from isapi.dept order by setid, deptid, {_NEAREST}
),
placed as (
    select n.setid, n.deptid, null::text as parent, n.sequence, 1 as level, array[n.deptid] as path,
           coalesce(d.label, n.deptid) as path_name
    from node n left join dept_on_day d using (setid, deptid)
    where n.parent is null or not exists (select from node p where p.setid = n.setid and p.deptid = n.parent)
    union all
    select n.setid, n.deptid, n.parent, n.sequence, p.level + 1, p.path || n.deptid,
           p.path_name || '/' || coalesce(d.label, n.deptid)
    from placed p
    join node n on n.setid = p.setid and n.parent = p.deptid and n.deptid <> all (p.path)
    left join dept_on_day d on d.setid = n.setid and d.deptid = n.deptid
),
responsible as (
    select r.scope_id as deptid,
           array_agg(r.emplid order by r.sort_order, r.emplid) filter (where r.relation = 'LEADER') as leaders,
           array_agg(r.emplid order by r.sort_order, r.emplid) filter (where r.relation = 'VP') as vps,
           array_agg(r.emplid order by r.sort_order, r.emplid) filter (where r.relation = 'HRBP') as hrbps,
           array_agg(r.emplid order by r.sort_order, r.emplid) filter (where r.relation = 'HRD') as hrds
    from isapi.relation r join working using (emplid) where r.scope = 'D' group by r.scope_id
),
department as (
    select d.setid, d.deptid, d.label as name, d.descrshort as short_name, d.company, d.location,
           d.manager_id as manager_emplid, p.parent as parent_deptid, coalesce(p.level, 1) as level, p.sequence,
           coalesce(p.path, array[d.deptid]) as path, coalesce(p.path_name, d.label) as path_name,
           d.eff_status = 'A' and d.effdt <= $1 as active,
           coalesce(r.leaders, '{{}}') as leaders, coalesce(r.vps, '{{}}') as vps,
           coalesce(r.hrbps, '{{}}') as hrbps, coalesce(r.hrds, '{{}}') as hrds
    from dept_on_day d left join placed p using (setid, deptid) left join responsible r using (deptid)
)"""


def people(only: str = "true") -> str:
    """CTE `employee`, after those of `assignments` and `department`, of people that meet a condition on `emplid`."""
    return f"""
step as materialized (
    select d.setid, d.deptid, p.deptid as above, p.position
    from department d cross join unnest(d.path) with ordinality as p(deptid, position)
),
leadership as (
    select s.setid, s.deptid, array_agg(c.emplid order by s.position desc, c.position) as candidates
    from step s
    join department d on d.setid = s.setid and d.deptid = s.above
    cross join unnest(d.leaders) with ordinality as c(emplid, position)
    group by s.setid, s.deptid
),
primary_name as (
    select distinct on (emplid) emplid, coalesce(name_ac, name) as name,
           nullif(concat_ws(' ', coalesce(pref_first_name, first_name), last_name), '') as western
    from isapi.name where name_type = 'PRI' and {only} order by emplid, {_NEAREST}
),
reach as (
    select emplid,
           max(value) filter (where contact_kind = 'EMAIL' and contact_type = 'BUSN') as mail,
           max(value) filter (where contact_kind = 'EMAIL' and contact_type = 'HOME') as private_mail,
           max(value) filter (where contact_kind = 'PHONE' and contact_type = 'BUSN') as work_phone,
           max(value) filter (where contact_kind = 'PHONE' and contact_type = 'CELL') as mobile_phone,
           max(value) filter (where contact_kind = 'PHONE' and contact_type = 'HOME') as home_phone
    from (
        select emplid, contact_kind, contact_type,
               concat('+' || nullif(ltrim(country_code, '+0'), '') || ' ', contact_value, '-' || extension) as value
        from isapi.contact where contact_value is not null and {only}
    ) as c group by emplid
),
jobcode_on_day as (select distinct on (setid, jobcode) * from isapi.jobcode order by setid, jobcode, {_NEAREST}),
location_on_day as (select distinct on (setid, location) * from isapi.location order by setid, location, {_NEAREST}),
described as (
    select j.emplid, n.name,
           case when n.western ~ '^[A-Za-z\u00c0-\u024f .''-]+$' then n.western end as name_en,
           s.pinyin, s.initials, a.rtx_id, a.ad_account, r.mail, r.work_phone,
           j.setid_dept as setid, j.deptid, d.name as department_name,
           coalesce(d.path, array_remove(array[j.deptid], null)) as department_path,
           d.path_name as department_path_name,
           j.jobcode, t.descr as title, j.location, l.descr as location_name, j.company, j.business_unit,
           coalesce(superior.emplid, (
               select c.emplid from unnest(lead.candidates) with ordinality as c(emplid, position)
               where c.emplid <> j.emplid order by c.position limit 1
           )) as manager_emplid,
           case j.per_org when 'EMP' then 'employee' when 'CWR' then 'contingent' else 'person_of_interest' end
               as employment_type,
           case when j.ahead then 'future' when j.works then 'active' else 'leaver' end as status,
           r.mobile_phone, r.home_phone, r.private_mail,
           case when j.empl_status = 'A' then 'active' when j.empl_status in ('L', 'P') then 'on_leave'
                when j.empl_status = 'S' then 'suspended' when j.empl_status = 'W' then 'short_break'
                when j.empl_status in ('Q', 'R', 'X', 'V') then 'retired' when j.empl_status = 'D' then 'deceased'
                else 'terminated' end as employment_status,
           j.grade, j.reg_temp as regular_or_temporary, j.full_part_time as full_or_part_time,
           j.hire_dt as hire_date, j.last_hire_dt as last_hire_date, j.termination_dt as termination_date,
           j.expected_end_date, s.keys
    from published_job j
    left join primary_name n using (emplid)
    left join isapi.spelling s on s.name = n.name
    left join isapi.account a using (emplid)
    left join reach r using (emplid)
    left join department d on d.setid = j.setid_dept and d.deptid = j.deptid
    left join jobcode_on_day t on t.setid = j.setid_jobcode and t.jobcode = j.jobcode
    left join location_on_day l on l.setid = j.setid_location and l.location = j.location
    left join working superior on superior.emplid = j.supervisor_id and superior.emplid <> j.emplid
    left join leadership lead on lead.setid = j.setid_dept and lead.deptid = j.deptid
),
employee as (
    select *,
           lower(concat_ws('|', '', emplid, rtx_id, ad_account, mail, name, replace(name_en, ' ', '|'), keys)) as search
    from described where {only}
)"""


@attrs.frozen
class Edition:
    """What is published on a day: the relations to read it from, the CTEs that make them, and the CTEs' values."""

    employee: str = "isapi.employee"
    department: str = "isapi.department"
    tables: str = ""
    values: tuple[Any, ...] = ()
    hidden: frozenset[str] = frozenset()
    """Emplids of people who are not to be seen; nothing but history has them still."""
    present: bool = True
    """Whether the day is today."""

    def hiding(self, emplids: Collection[str]) -> Edition:
        """The same as if these people were not: no rows of theirs, and nobody's manager, leader or partner."""
        return _hiding(self, frozenset(emplids)) if emplids else self

    def query(self, select: str, *, cte: str = "") -> str:
        """A statement that reads of this edition: `select` after its own `cte` and those that make the edition."""
        parts = ",".join(part for part in (self.tables, cte) if part)
        return f"with recursive {parts} {select}" if parts else select


@lru_cache(maxsize=16)  # the same few people are hidden from everybody
def _hiding(edition: Edition, emplids: frozenset[str]) -> Edition:
    hidden = f"${len(edition.values) + 1}::text[]"
    employee = ", ".join(_without(column, hidden) for column in tables.employee.columns)
    department = ", ".join(_without(column, hidden) for column in tables.department.columns)
    # Not materialized: the conditions of the statement reach the tables' indexes through them.
    visible = (
        f"visible_employee as not materialized"
        f" (select {employee} from {edition.employee} where emplid <> all ({hidden})),"
        f"visible_department as not materialized (select {department} from {edition.department})"
    )
    return Edition(
        employee="visible_employee",
        department="visible_department",
        tables=f"{edition.tables},{visible}" if edition.tables else visible,
        values=(*edition.values, sorted(emplids)),
        hidden=emplids,
        present=edition.present,
    )


_PEOPLE = frozenset({"manager_emplid", "leaders", "vps", "hrbps", "hrds"})
"""Columns that name other people."""


def _without(column: Column[Any], hidden: str) -> str:
    """The column, of the same name, without the people in the array `hidden`."""
    name = column.name
    if name not in _PEOPLE:
        return name
    if isinstance(column.type, ARRAY):
        others = f"select p from unnest({name}) with ordinality as o(p, n) where p <> all ({hidden}) order by n"
        return f"case when {name} && {hidden} then array({others}) else {name} end as {name}"
    return f"case when {name} <> all ({hidden}) then {name} end as {name}"


PRESENT = Edition()
"""Today's, ready in tables."""


def edition_of(day: date) -> Edition:
    """What was, or will be, published on that day, out of history."""
    return Edition(
        employee="employee",
        department="department",
        tables=f"{assignments()},{DEPARTMENT},{people()}",
        values=(day,),
        present=False,
    )
