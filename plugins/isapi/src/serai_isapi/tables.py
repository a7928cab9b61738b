"""The tables of schema `isapi`.

Records of the source, whole history and future included (`person` to `relation`), named and keyed like their views;
what is published of them as of today (`employee`, `department`), rebuilt from them; and the record of the runs.
National ids and birth dates are kept encrypted.
"""

from __future__ import annotations

from typing import Any

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
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    literal_column,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

SCHEMA = "isapi"

metadata = MetaData(schema=SCHEMA)


def _texts(names: str) -> list[Column[str]]:
    return [Column(name, Text) for name in names.split()]


def _row_hash() -> Column[int]:
    """What `fingerprints.Fingerprint` made of the source's row; NULL where the next whole reading is to look anew."""
    return Column("row_hash", BigInteger)


def _decision() -> list[Column[Any]]:
    """Who decided about a row of this table, when and why; NULL while nobody has."""
    return [*_texts("decided_by decided_person decision_reason"), Column("decided_at", DateTime(timezone=True))]


person = Table(
    "person",
    metadata,
    Column("emplid", Text, primary_key=True),
    *_texts("sex highest_educ_lvl"),
    Column("birthdate_box", LargeBinary),
    _row_hash(),
)

name = Table(
    "name",
    metadata,
    *_texts("emplid name_type"),
    Column("effdt", Date),
    *_texts("name last_name first_name name_ac pref_first_name"),
    _row_hash(),
    PrimaryKeyConstraint("emplid", "name_type", "effdt"),
)

contact = Table(
    "contact",
    metadata,
    *_texts("emplid contact_kind contact_type country_code contact_value extension pref_flag"),
    _row_hash(),
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
    _row_hash(),
    PrimaryKeyConstraint("emplid", "empl_rcd", "effdt", "effseq"),
)

dept = Table(
    "dept",
    metadata,
    *_texts("setid deptid"),
    Column("effdt", Date),
    *_texts("eff_status descr descrshort company location manager_id"),
    _row_hash(),
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
    _row_hash(),
    PrimaryKeyConstraint("setid", "tree_name", "effdt", "tree_node"),
)

jobcode = Table(
    "jobcode",
    metadata,
    *_texts("setid jobcode"),
    Column("effdt", Date),
    *_texts("eff_status descr descrshort"),
    _row_hash(),
    PrimaryKeyConstraint("setid", "jobcode", "effdt"),
)

location = Table(
    "location",
    metadata,
    *_texts("setid location"),
    Column("effdt", Date),
    *_texts("eff_status descr city country"),
    _row_hash(),
    PrimaryKeyConstraint("setid", "location", "effdt"),
)

account = Table(
    "account",
    metadata,
    Column("emplid", Text, primary_key=True),
    *_texts("rtx_id ad_account"),
    _row_hash(),
)

relation = Table(
    "relation",
    metadata,
    *_texts("scope scope_id relation emplid"),
    Column("sort_order", Integer),
    _row_hash(),
    PrimaryKeyConstraint("scope", "scope_id", "relation", "emplid"),
)

nid = Table(
    "nid",
    metadata,
    *_texts("emplid country national_id_type primary_nid"),
    Column("national_id_box", LargeBinary),
    Column("national_id_index", LargeBinary),
    _row_hash(),
    PrimaryKeyConstraint("emplid", "country", "national_id_type"),
    Index("nid_national_id_idx", "national_id_index"),
)
"""National ids, encrypted (`sealing`)."""

RECORDS = (nid, person, name, contact, job, dept, dept_tree, jobcode, location, account, relation)

for record in RECORDS:
    Table(
        f"held_{record.name}",
        metadata,
        *[Column(column.name, column.type) for column in record.columns],
        Column("broken_rule", Text),
        Column("removed", Boolean),
    )
"""What the run that is held read, as it was staged: an approval applies exactly that."""

unmasked = Table(
    "unmasked",
    metadata,
    Column("client", Text, primary_key=True),
    Column("day", Date, primary_key=True),
    Column("times", Integer, nullable=False),
)
"""How often each client has had a field unmasked, by day of the company."""

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

hidden_person = Table(
    "hidden_person",
    metadata,
    Column("emplid", Text, primary_key=True),
    Column("reason", Text, nullable=False),
    Column("since", DateTime(timezone=True), nullable=False),
    Column("by", Text, nullable=False),
)
"""Who exists only for callers with the permission `isapi:hidden`."""

data_state = Table(
    "data_state",
    metadata,
    Column("id", Boolean, primary_key=True),
    Column("data_as_of", DateTime(timezone=True), nullable=False),
    Column("published_on", Date, nullable=False),
    Column("earliest", Date),
    Column("run_id", BigInteger, nullable=False),
    Column("edition", Text),
)
"""One row once there is data: the source's clock when it was read, the day `employee` is of, the first day known, and
which edition of the derivation made it."""

watermark = Table(
    "watermark",
    metadata,
    Column("view", Text, primary_key=True),
    Column("source", Text, nullable=False),
    Column("read_as_of", DateTime(timezone=True), nullable=False),
)
"""Up to when each view has been read: the clock of that source at the last reading that was applied."""

sync_run = Table(
    "sync_run",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("kind", Text, nullable=False, server_default="full"),
    Column("state", Text, nullable=False),
    Column("started", DateTime(timezone=True), nullable=False),
    Column("finished", DateTime(timezone=True)),
    Column("data_as_of", DateTime(timezone=True)),
    Column("reason", Text),
    Column("counts", JSONB, nullable=False),
    *_decision(),
)

quarantine = Table(
    "quarantine",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("run_id", BigInteger, nullable=False),
    Column("view", Text, nullable=False),
    Column("rule", Text, nullable=False),
    Column("key", JSONB, nullable=False),
    Column("content", JSONB, nullable=False),
    Column("rows", Integer, nullable=False, server_default="1"),
    Column("state", Text, nullable=False, server_default="open"),
    Column("first_seen", DateTime(timezone=True), nullable=False, server_default=text("now()")),
    Column("last_seen", DateTime(timezone=True), nullable=False, server_default=text("now()")),
    Column("last_run", BigInteger),
    Column("times", Integer, nullable=False, server_default="1"),
    *_decision(),
    Index("quarantine_key_idx", "view", "rule", "key"),
    Index("quarantine_state_idx", "state", "id"),
)
"""What broke a rule: one row for each view, rule and key; `run_id` saw it first, `last_run` last.

`content` has the bad rows and may hold personal data: it is for database administrators, no route shows it.
"""

quarantine_sighting = Table(
    "quarantine_sighting",
    metadata,
    Column("run_id", BigInteger, ForeignKey("isapi.sync_run.id", ondelete="CASCADE")),
    Column("quarantine_id", BigInteger, ForeignKey("isapi.quarantine.id", ondelete="CASCADE")),
    PrimaryKeyConstraint("run_id", "quarantine_id"),
    Index("quarantine_sighting_quarantine_id_idx", "quarantine_id"),
)
"""Which run saw what."""

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
    Index(
        "scim_resource_members_idx",
        literal_column("(content -> 'members')").label("members"),
        postgresql_using="gin",
        postgresql_ops={"members": "jsonb_path_ops"},
    ),
)
"""People and groups that SCIM clients wrote; `user_name` as it is compared."""

scim_secret = Table(
    "scim_secret", metadata, Column("id", Boolean, primary_key=True), Column("secret", Text, nullable=False)
)
"""One row: what the cursors of SCIM are sealed with."""
