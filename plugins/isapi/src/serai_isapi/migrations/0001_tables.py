"""The tables of isapi."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None
phase = "expand"


def upgrade() -> None:
    op.create_table(
        "account",
        sa.Column("emplid", sa.Text),
        sa.Column("rtx_id", sa.Text),
        sa.Column("ad_account", sa.Text),
        sa.PrimaryKeyConstraint("emplid"),
        schema="isapi",
    )
    op.create_table(
        "contact",
        sa.Column("emplid", sa.Text),
        sa.Column("contact_kind", sa.Text),
        sa.Column("contact_type", sa.Text),
        sa.Column("country_code", sa.Text),
        sa.Column("contact_value", sa.Text),
        sa.Column("extension", sa.Text),
        sa.Column("pref_flag", sa.Text),
        sa.PrimaryKeyConstraint("emplid", "contact_kind", "contact_type"),
        schema="isapi",
    )
    op.create_table(
        "data_state",
        sa.Column("id", sa.Boolean),
        sa.Column("data_as_of", sa.DateTime(timezone=True), nullable=False),
        sa.Column("published_on", sa.Date, nullable=False),
        sa.Column("earliest", sa.Date),
        sa.Column("run_id", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id"),
        schema="isapi",
    )
    op.create_table(
        "department",
        sa.Column("setid", sa.Text),
        sa.Column("deptid", sa.Text),
        sa.Column("name", sa.Text),
        sa.Column("short_name", sa.Text),
        sa.Column("company", sa.Text),
        sa.Column("location", sa.Text),
        sa.Column("manager_emplid", sa.Text),
        sa.Column("parent_deptid", sa.Text),
        sa.Column("level", sa.Integer, nullable=False),
        sa.Column("sequence", sa.Integer),
        sa.Column("path", postgresql.ARRAY(sa.Text), nullable=False),
        sa.Column("path_name", sa.Text, nullable=False),
        sa.Column("active", sa.Boolean, nullable=False),
        sa.Column("leaders", postgresql.ARRAY(sa.Text), nullable=False),
        sa.Column("vps", postgresql.ARRAY(sa.Text), nullable=False),
        sa.Column("hrbps", postgresql.ARRAY(sa.Text), nullable=False),
        sa.Column("hrds", postgresql.ARRAY(sa.Text), nullable=False),
        sa.PrimaryKeyConstraint("setid", "deptid"),
        schema="isapi",
    )
    op.create_index("department_deptid_idx", "department", ["deptid"], schema="isapi")
    op.create_index("department_path_idx", "department", ["path"], schema="isapi", postgresql_using="gin")
    op.create_table(
        "dept",
        sa.Column("setid", sa.Text),
        sa.Column("deptid", sa.Text),
        sa.Column("effdt", sa.Date),
        sa.Column("eff_status", sa.Text),
        sa.Column("descr", sa.Text),
        sa.Column("descrshort", sa.Text),
        sa.Column("company", sa.Text),
        sa.Column("location", sa.Text),
        sa.Column("manager_id", sa.Text),
        sa.PrimaryKeyConstraint("setid", "deptid", "effdt"),
        schema="isapi",
    )
    op.create_table(
        "dept_tree",
        sa.Column("setid", sa.Text),
        sa.Column("tree_name", sa.Text),
        sa.Column("effdt", sa.Date),
        sa.Column("tree_node", sa.Text),
        sa.Column("parent_node_name", sa.Text),
        sa.Column("tree_node_num", sa.Integer),
        sa.Column("tree_node_num_end", sa.Integer),
        sa.PrimaryKeyConstraint("setid", "tree_name", "effdt", "tree_node"),
        schema="isapi",
    )
    op.create_table(
        "employee",
        sa.Column("emplid", sa.Text),
        sa.Column("name", sa.Text),
        sa.Column("name_en", sa.Text),
        sa.Column("pinyin", sa.Text),
        sa.Column("initials", sa.Text),
        sa.Column("rtx_id", sa.Text),
        sa.Column("ad_account", sa.Text),
        sa.Column("mail", sa.Text),
        sa.Column("work_phone", sa.Text),
        sa.Column("setid", sa.Text),
        sa.Column("deptid", sa.Text),
        sa.Column("department_name", sa.Text),
        sa.Column("department_path", postgresql.ARRAY(sa.Text), nullable=False),
        sa.Column("department_path_name", sa.Text),
        sa.Column("jobcode", sa.Text),
        sa.Column("title", sa.Text),
        sa.Column("location", sa.Text),
        sa.Column("location_name", sa.Text),
        sa.Column("company", sa.Text),
        sa.Column("business_unit", sa.Text),
        sa.Column("manager_emplid", sa.Text),
        sa.Column("employment_type", sa.Text, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("mobile_phone", sa.Text),
        sa.Column("home_phone", sa.Text),
        sa.Column("private_mail", sa.Text),
        sa.Column("employment_status", sa.Text),
        sa.Column("grade", sa.Text),
        sa.Column("regular_or_temporary", sa.Text),
        sa.Column("full_or_part_time", sa.Text),
        sa.Column("hire_date", sa.Date),
        sa.Column("last_hire_date", sa.Date),
        sa.Column("termination_date", sa.Date),
        sa.Column("expected_end_date", sa.Date),
        sa.Column("search", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("emplid"),
        schema="isapi",
    )
    op.create_index(
        "employee_department_path_idx", "employee", ["department_path"], schema="isapi", postgresql_using="gin"
    )
    op.create_index("employee_deptid_idx", "employee", ["deptid", "emplid"], schema="isapi")
    op.create_index("employee_location_idx", "employee", ["location", "emplid"], schema="isapi")
    op.create_index("employee_manager_idx", "employee", ["manager_emplid", "emplid"], schema="isapi")
    op.create_index("employee_rtx_id_idx", "employee", ["rtx_id"], schema="isapi")
    op.create_index(
        "employee_search_idx",
        "employee",
        ["search"],
        schema="isapi",
        postgresql_using="gin",
        postgresql_ops={"search": "gin_trgm_ops"},
    )
    op.create_table(
        "job",
        sa.Column("emplid", sa.Text),
        sa.Column("empl_rcd", sa.Integer),
        sa.Column("effdt", sa.Date),
        sa.Column("effseq", sa.Integer),
        sa.Column("per_org", sa.Text),
        sa.Column("hr_status", sa.Text),
        sa.Column("empl_status", sa.Text),
        sa.Column("action", sa.Text),
        sa.Column("action_reason", sa.Text),
        sa.Column("job_indicator", sa.Text),
        sa.Column("setid_dept", sa.Text),
        sa.Column("deptid", sa.Text),
        sa.Column("setid_jobcode", sa.Text),
        sa.Column("jobcode", sa.Text),
        sa.Column("setid_location", sa.Text),
        sa.Column("location", sa.Text),
        sa.Column("position_nbr", sa.Text),
        sa.Column("supervisor_id", sa.Text),
        sa.Column("company", sa.Text),
        sa.Column("business_unit", sa.Text),
        sa.Column("grade", sa.Text),
        sa.Column("reg_temp", sa.Text),
        sa.Column("full_part_time", sa.Text),
        sa.Column("hire_dt", sa.Date),
        sa.Column("last_hire_dt", sa.Date),
        sa.Column("termination_dt", sa.Date),
        sa.Column("last_date_worked", sa.Date),
        sa.Column("expected_end_date", sa.Date),
        sa.PrimaryKeyConstraint("emplid", "empl_rcd", "effdt", "effseq"),
        schema="isapi",
    )
    op.create_table(
        "jobcode",
        sa.Column("setid", sa.Text),
        sa.Column("jobcode", sa.Text),
        sa.Column("effdt", sa.Date),
        sa.Column("eff_status", sa.Text),
        sa.Column("descr", sa.Text),
        sa.Column("descrshort", sa.Text),
        sa.PrimaryKeyConstraint("setid", "jobcode", "effdt"),
        schema="isapi",
    )
    op.create_table(
        "location",
        sa.Column("setid", sa.Text),
        sa.Column("location", sa.Text),
        sa.Column("effdt", sa.Date),
        sa.Column("eff_status", sa.Text),
        sa.Column("descr", sa.Text),
        sa.Column("city", sa.Text),
        sa.Column("country", sa.Text),
        sa.PrimaryKeyConstraint("setid", "location", "effdt"),
        schema="isapi",
    )
    op.create_table(
        "name",
        sa.Column("emplid", sa.Text),
        sa.Column("name_type", sa.Text),
        sa.Column("effdt", sa.Date),
        sa.Column("name", sa.Text),
        sa.Column("last_name", sa.Text),
        sa.Column("first_name", sa.Text),
        sa.Column("name_ac", sa.Text),
        sa.Column("pref_first_name", sa.Text),
        sa.PrimaryKeyConstraint("emplid", "name_type", "effdt"),
        schema="isapi",
    )
    op.create_table(
        "person",
        sa.Column("emplid", sa.Text),
        sa.Column("sex", sa.Text),
        sa.Column("highest_educ_lvl", sa.Text),
        sa.PrimaryKeyConstraint("emplid"),
        schema="isapi",
    )
    op.create_table(
        "relation",
        sa.Column("scope", sa.Text),
        sa.Column("scope_id", sa.Text),
        sa.Column("relation", sa.Text),
        sa.Column("emplid", sa.Text),
        sa.Column("sort_order", sa.Integer),
        sa.PrimaryKeyConstraint("scope", "scope_id", "relation", "emplid"),
        schema="isapi",
    )
    op.create_table(
        "spelling",
        sa.Column("name", sa.Text),
        sa.Column("edition", sa.Integer, nullable=False),
        sa.Column("pinyin", sa.Text),
        sa.Column("initials", sa.Text),
        sa.Column("keys", sa.Text),
        sa.PrimaryKeyConstraint("name"),
        schema="isapi",
    )
    op.create_table(
        "sync_run",
        sa.Column("id", sa.BigInteger, sa.Identity()),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("started", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished", sa.DateTime(timezone=True)),
        sa.Column("data_as_of", sa.DateTime(timezone=True)),
        sa.Column("reason", sa.Text),
        sa.Column("counts", postgresql.JSONB, nullable=False),
        sa.PrimaryKeyConstraint("id"),
        schema="isapi",
    )
    op.create_table(
        "quarantine",
        sa.Column("id", sa.BigInteger, sa.Identity()),
        sa.Column("run_id", sa.BigInteger, sa.ForeignKey("isapi.sync_run.id", ondelete="CASCADE"), nullable=False),
        sa.Column("view", sa.Text, nullable=False),
        sa.Column("rule", sa.Text, nullable=False),
        sa.Column("key", postgresql.JSONB, nullable=False),
        sa.Column("content", postgresql.JSONB, nullable=False),
        sa.PrimaryKeyConstraint("id"),
        schema="isapi",
    )
    op.create_index("quarantine_run_id_idx", "quarantine", ["run_id", "id"], schema="isapi")


def downgrade() -> None:
    for table in (
        "quarantine",
        "sync_run",
        "spelling",
        "relation",
        "person",
        "name",
        "location",
        "jobcode",
        "job",
        "employee",
        "dept_tree",
        "dept",
        "department",
        "data_state",
        "contact",
        "account",
    ):
        op.drop_table(table, schema="isapi")
