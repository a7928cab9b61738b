"""The tables of schema `isapi`.

Records of the source, whole history and future included (`person` to `relation`), named and keyed like their views;
what is published of them as of today (`employee`, `department`), rebuilt from them; and the record of the runs.
Not kept: national ids and birth dates, which wait for encryption at rest.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Date,
    DateTime,
    ForeignKey,
    Identity,
    Index,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

SCHEMA = "isapi"

metadata = MetaData(schema=SCHEMA)


def _texts(names: str) -> list[Column[str]]:
    return [Column(name, Text) for name in names.split()]


person = Table(
    "person",
    metadata,
    Column("emplid", Text, primary_key=True),
    *_texts("sex highest_educ_lvl"),
)

name = Table(
    "name",
    metadata,
    *_texts("emplid name_type"),
    Column("effdt", Date),
    *_texts("name last_name first_name name_ac pref_first_name"),
    PrimaryKeyConstraint("emplid", "name_type", "effdt"),
)

contact = Table(
    "contact",
    metadata,
    *_texts("emplid contact_kind contact_type country_code contact_value extension pref_flag"),
    PrimaryKeyConstraint("emplid", "contact_kind", "contact_type"),
)

job = Table(
    "job",
    metadata,
    Column("emplid", Text),
    Column("empl_rcd", Integer),
    Column("effdt", Date),
    Column("effseq", Integer),
    *_texts("per_org hr_status empl_status action action_reason job_indicator setid_dept deptid setid_jobcode jobcode"),
    *_texts("setid_location location position_nbr supervisor_id company business_unit grade reg_temp full_part_time"),
    Column("hire_dt", Date),
    Column("last_hire_dt", Date),
    Column("termination_dt", Date),
    Column("last_date_worked", Date),
    Column("expected_end_date", Date),
    PrimaryKeyConstraint("emplid", "empl_rcd", "effdt", "effseq"),
)

dept = Table(
    "dept",
    metadata,
    *_texts("setid deptid"),
    Column("effdt", Date),
    *_texts("eff_status descr descrshort company location manager_id"),
    PrimaryKeyConstraint("setid", "deptid", "effdt"),
)

dept_tree = Table(
    "dept_tree",
    metadata,
    *_texts("setid tree_name"),
    Column("effdt", Date),
    *_texts("tree_node parent_node_name"),
    Column("tree_node_num", Integer),
    Column("tree_node_num_end", Integer),
    PrimaryKeyConstraint("setid", "tree_name", "effdt", "tree_node"),
)

jobcode = Table(
    "jobcode",
    metadata,
    *_texts("setid jobcode"),
    Column("effdt", Date),
    *_texts("eff_status descr descrshort"),
    PrimaryKeyConstraint("setid", "jobcode", "effdt"),
)

location = Table(
    "location",
    metadata,
    *_texts("setid location"),
    Column("effdt", Date),
    *_texts("eff_status descr city country"),
    PrimaryKeyConstraint("setid", "location", "effdt"),
)

account = Table(
    "account",
    metadata,
    Column("emplid", Text, primary_key=True),
    *_texts("rtx_id ad_account"),
)

relation = Table(
    "relation",
    metadata,
    *_texts("scope scope_id relation emplid"),
    Column("sort_order", Integer),
    PrimaryKeyConstraint("scope", "scope_id", "relation", "emplid"),
)

spelling = Table(
    "spelling",
    metadata,
    Column("name", Text, primary_key=True),
    Column("edition", Integer, nullable=False),
    *_texts("pinyin initials keys"),
)
"""How each display name is read aloud: computed once a name, because pypinyin takes 40 us."""

employee = Table(
    "employee",
    metadata,
    Column("emplid", Text, primary_key=True),
    *_texts("name name_en pinyin initials rtx_id ad_account mail work_phone"),
    *_texts("setid deptid department_name"),
    Column("department_path", ARRAY(Text), nullable=False),
    *_texts("department_path_name jobcode title location location_name company business_unit manager_emplid"),
    Column("employment_type", Text, nullable=False),
    Column("status", Text, nullable=False),
    *_texts("mobile_phone home_phone private_mail employment_status grade regular_or_temporary full_or_part_time"),
    Column("hire_date", Date),
    Column("last_hire_date", Date),
    Column("termination_date", Date),
    Column("expected_end_date", Date),
    Column("search", Text, nullable=False),
    Index("employee_search_idx", "search", postgresql_using="gin", postgresql_ops={"search": "gin_trgm_ops"}),
    Index("employee_department_path_idx", "department_path", postgresql_using="gin"),
    Index("employee_deptid_idx", "deptid", "emplid"),
    Index("employee_manager_idx", "manager_emplid", "emplid"),
    Index("employee_location_idx", "location", "emplid"),
    Index("employee_rtx_id_idx", "rtx_id"),
    Index("employee_lower_rtx_id_idx", text("lower(rtx_id)")),
    Index("employee_lower_emplid_idx", text("lower(emplid)")),
    Index("employee_lower_mail_idx", text("lower(mail)")),
)
"""One row a person, as of today."""

department = Table(
    "department",
    metadata,
    *_texts("setid deptid"),
    *_texts("name short_name company location manager_emplid parent_deptid"),
    Column("level", Integer, nullable=False),
    Column("sequence", Integer),
    Column("path", ARRAY(Text), nullable=False),
    Column("path_name", Text, nullable=False),
    Column("active", Boolean, nullable=False),
    Column("leaders", ARRAY(Text), nullable=False),
    Column("vps", ARRAY(Text), nullable=False),
    Column("hrbps", ARRAY(Text), nullable=False),
    Column("hrds", ARRAY(Text), nullable=False),
    PrimaryKeyConstraint("setid", "deptid"),
    Index("department_path_idx", "path", postgresql_using="gin"),
    Index("department_deptid_idx", "deptid"),
)
"""One row a department, as of today."""

data_state = Table(
    "data_state",
    metadata,
    Column("id", Boolean, primary_key=True),
    Column("data_as_of", DateTime(timezone=True), nullable=False),
    Column("published_on", Date, nullable=False),
    Column("earliest", Date),
    Column("run_id", BigInteger, nullable=False),
)
"""One row once there is data: the source's clock when it was read, the day `employee` is of, the first day known."""

sync_run = Table(
    "sync_run",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("state", Text, nullable=False),
    Column("started", DateTime(timezone=True), nullable=False),
    Column("finished", DateTime(timezone=True)),
    Column("data_as_of", DateTime(timezone=True)),
    Column("reason", Text),
    Column("counts", JSONB, nullable=False),
)

quarantine = Table(
    "quarantine",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("run_id", BigInteger, ForeignKey("isapi.sync_run.id", ondelete="CASCADE"), nullable=False),
    Column("view", Text, nullable=False),
    Column("rule", Text, nullable=False),
    Column("key", JSONB, nullable=False),
    Column("content", JSONB, nullable=False),
    Index("quarantine_run_id_idx", "run_id", "id"),
)
"""Rows that broke a rule. `content` may hold personal data: it is for database administrators, no route shows it."""

scim_resource = Table(
    "scim_resource",
    metadata,
    *_texts("kind id user_name"),
    Column("version", BigInteger, nullable=False),
    Column("created", DateTime(timezone=True), nullable=False),
    Column("last_modified", DateTime(timezone=True), nullable=False),
    Column("content", JSONB, nullable=False),
    PrimaryKeyConstraint("kind", "id"),
    Index("scim_resource_user_name_idx", "kind", "user_name", unique=True),
    Index("scim_resource_members_idx", text("(content -> 'members') jsonb_path_ops"), postgresql_using="gin"),
)
"""People and groups that SCIM clients wrote; `user_name` as it is compared."""

scim_secret = Table(
    "scim_secret", metadata, Column("id", Boolean, primary_key=True), Column("secret", Text, nullable=False)
)
"""One row: what the cursors of SCIM are sealed with."""
