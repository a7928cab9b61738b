"""What SCIM clients wrote, the secret of its cursors, and look-ups by account, emplid and mail in any case."""

from __future__ import annotations

from alembic import op

revision = "0006"
down_revision = "0004"
branch_labels = None
depends_on = None
phase = "expand"


def upgrade() -> None:
    op.execute("""
        create table isapi.scim_resource (
            kind text not null,
            id text not null,
            user_name text,
            version bigint not null default 1,
            created timestamptz not null default now(),
            last_modified timestamptz not null default now(),
            content jsonb not null,
            primary key (kind, id)
        )""")
    op.execute("create unique index scim_resource_user_name_idx on isapi.scim_resource (kind, user_name)")
    op.execute(
        "create index scim_resource_members_idx on isapi.scim_resource"
        " using gin ((content -> 'members') jsonb_path_ops)"
    )
    op.execute("create table isapi.scim_secret (id boolean primary key check (id), secret text not null)")
    op.execute("create index employee_lower_rtx_id_idx on isapi.employee (lower(rtx_id))")
    op.execute("create index employee_lower_emplid_idx on isapi.employee (lower(emplid))")
    op.execute("create index employee_lower_mail_idx on isapi.employee (lower(mail))")


def downgrade() -> None:
    op.execute("drop index isapi.employee_lower_mail_idx")
    op.execute("drop index isapi.employee_lower_emplid_idx")
    op.execute("drop index isapi.employee_lower_rtx_id_idx")
    op.execute("drop table isapi.scim_secret")
    op.execute("drop table isapi.scim_resource")
