"""What colleagues are to each other: the service `serai.Relations`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import attrs

from serai import Database


@attrs.frozen
class Colleagues:
    """Relations as they are published today.

    Managers are all above somebody (`manager_emplid`, and so on up); the HRBPs are the person's own, else those of the
    nearest department up the tree that has some. Hidden people have their relations like everybody else.
    """

    db: Database

    async def of(self, viewer: str, subjects: Sequence[str]) -> Mapping[str, frozenset[str]]:
        """For each subject, as whom the viewer sees it; of the unknown ones nothing but `self`."""
        async with self.db.raw() as connection:
            rows = await connection.fetch(_RELATIONS, viewer, list(subjects))
        found = {subject: {"self"} if subject == viewer else set() for subject in subjects}
        for row in rows:
            found[row["emplid"]] |= {name for name in ("managers", "hrbp") if row[name]}
        return {subject: frozenset(relations) for subject, relations in found.items()}


_RELATIONS = """
with recursive subject as (
    select emplid, manager_emplid, setid, department_path from isapi.employee where emplid = any ($2::text[])
),
above as (
    select emplid as subject, manager_emplid as emplid, array[emplid] as seen from subject
    union all
    select a.subject, m.manager_emplid, a.seen || m.emplid
    from above a join isapi.employee m on m.emplid = a.emplid
    where m.emplid <> all (a.seen) and a.emplid <> $1
),
own as (
    select r.scope_id as subject, array_agg(r.emplid) as hrbps
    from subject s join isapi.relation r on r.scope = 'E' and r.scope_id = s.emplid and r.relation = 'HRBP'
    join isapi.employee e on e.emplid = r.emplid and e.status = 'active'
    group by r.scope_id
)
select s.emplid,
       exists (select from above a where a.subject = s.emplid and a.emplid = $1 and s.emplid <> $1) as managers,
       coalesce($1 = any (coalesce(own.hrbps, (
           select d.hrbps from isapi.department d
           where d.setid = s.setid and d.deptid = any (s.department_path) and d.hrbps <> '{}'
           order by array_position(s.department_path, d.deptid) desc limit 1
       ))), false) as hrbp
from subject s left join own on own.subject = s.emplid
"""
