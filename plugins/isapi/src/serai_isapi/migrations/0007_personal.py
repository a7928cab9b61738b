"""National ids and birth dates, encrypted; how often each client has had a field unmasked."""

from __future__ import annotations

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None
phase = "expand"


def upgrade() -> None:
    op.execute("alter table isapi.person add column birthdate_box bytea")
    op.execute("alter table isapi.held_person add column birthdate_box bytea")
    op.execute("""
        create table isapi.nid (
            emplid text not null,
            country text not null,
            national_id_type text not null,
            primary_nid text,
            national_id_box bytea,
            national_id_index bytea,
            row_hash bigint,
            primary key (emplid, country, national_id_type)
        )
    """)
    op.execute("create index nid_national_id_idx on isapi.nid (national_id_index)")
    op.execute("""
        create table isapi.held_nid (
            emplid text,
            country text,
            national_id_type text,
            primary_nid text,
            national_id_box bytea,
            national_id_index bytea,
            row_hash bigint,
            broken_rule text,
            removed boolean
        )
    """)
    op.execute("""
        create table isapi.unmasked (
            client text not null,
            day date not null,
            times integer not null,
            primary key (client, day)
        )
    """)


def downgrade() -> None:
    op.execute("drop table isapi.unmasked, isapi.held_nid, isapi.nid")
    op.execute("alter table isapi.held_person drop column birthdate_box")
    op.execute("alter table isapi.person drop column birthdate_box")
