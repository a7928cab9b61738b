"""The tables of identity: clients, their keys and use, requests for keys, and who was shown whose personal data."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Date,
    DateTime,
    Double,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, CIDR

from serai.data.tables import metadata

Moment = DateTime(timezone=True)
_NOW = text("now()")

client = Table(
    "client",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("owner", Text, nullable=False),
    Column("scopes", ARRAY(Text), nullable=False),
    Column("networks", ARRAY(CIDR), nullable=False, comment="where from it may ask; empty: from anywhere"),
    Column("created_at", Moment, nullable=False, server_default=_NOW),
    Column("revoked_at", Moment),
    Column("person", Text, comment="the emplid of the colleague whose own it is; none: a system's"),
    Column("purpose", Text, nullable=False, server_default="", comment="why it reads personal data"),
    Column("fields", ARRAY(Text), comment="the personal fields that it may see at most; none: no limit"),
    Column("daily_quota", BigInteger, comment="requests a day of the company"),
    Column("rate", Double, comment="requests a second; none: the kernel's default"),
    Column("burst", Integer, comment="requests at once; none: the kernel's default"),
    Column("expires_at", Moment, comment="when all its keys are refused"),
    Column("suspended_at", Moment),
    Column("suspended_by", Text),
    Column("suspended_reason", Text),
    Column("version", Integer, nullable=False, server_default="1", comment="counts changes, for If-Match"),
    # A name is free again once its client is revoked; the revoked row stays, the audit names it.
    Index("client_name_key", "name", unique=True, postgresql_where=text("revoked_at is null")),
)

api_key = Table(
    "api_key",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("client_id", Text, ForeignKey("client.id"), nullable=False, index=True),
    Column("digest", LargeBinary, nullable=False, unique=True, comment="SHA-256 of the key"),
    Column("beginning", Text, comment="its first 8 characters, to tell keys apart"),
    Column("created_at", Moment, nullable=False, server_default=_NOW),
    Column("expires_at", Moment, comment="sooner than its client, where another key has taken over"),
    Column("last_used_at", Moment, comment="to the minute"),
)

client_use = Table(
    "client_use",
    metadata,
    Column("client_id", Text, ForeignKey("client.id"), primary_key=True),
    Column("day", Date, primary_key=True, comment="of the company's zone"),
    Column("requests", BigInteger, nullable=False),
    comment="Requests of clients with a quota, by day",
)

client_request = Table(
    "client_request",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("name", Text, nullable=False),
    Column("owner", Text, nullable=False),
    Column("person", Text),
    Column("scopes", ARRAY(Text), nullable=False),
    Column("purpose", Text, nullable=False),
    Column("expires_at", Moment),
    Column("requested_by", Text, nullable=False, comment="a principal's id, or cli:ACCOUNT"),
    Column("requester_person", Text, comment="the emplid of the colleague who asked"),
    Column("requested_at", Moment, nullable=False, server_default=_NOW),
    Column(
        "state",
        Text,
        CheckConstraint("state in ('waiting', 'approved', 'refused', 'claimed')", name="state"),
        nullable=False,
        server_default="waiting",
    ),
    Column("endorsed_by", Text, comment="who of the owner's side supports it"),
    Column("endorsed_at", Moment),
    Column("decided_by", Text),
    Column("decided_at", Moment),
    Column("reason", Text, comment="of the decision"),
    Column("client_id", Text, ForeignKey("client.id")),
    Column("claim_digest", LargeBinary, nullable=False, comment="SHA-256 of the claim secret"),
    Column("claim_until", Moment),
    Column("claimed_at", Moment),
    comment="Requests for a client and its key",
)

disclosure = Table(
    "disclosure",
    metadata,
    Column("noted_at", Moment, primary_key=True),
    Column("id", Uuid, primary_key=True, server_default=text("gen_random_uuid()")),
    Column("client_id", Text, nullable=False, comment="the principal's id"),
    Column("client", Text, nullable=False, comment="its name then"),
    Column("person", Text, comment="the colleague whose key it was"),
    Column("route", Text, nullable=False, comment="the template"),
    Column("subjects", ARRAY(Text), nullable=False, comment="emplids whose data was shown"),
    Column("fields", ARRAY(Text), nullable=False, comment="the personal fields that were shown"),
    Column("purpose", Text, nullable=False),
    Column("request_id", Text, nullable=False),
    Index("disclosure_client_idx", "client_id", "noted_at"),
    Index("disclosure_subjects_idx", "subjects", postgresql_using="gin"),
    postgresql_partition_by="RANGE (noted_at)",
    comment="Who was shown whose personal data, a partition a month",
)
