"""Shapes on the wire of what is kept encrypted of people."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from serai import Personal, PersonalField, Subject

_IDENTITY = ("self", "isapi:identity")

PERSONAL = (
    PersonalField("isapi.national_id", "national id", clear=_IDENTITY, masked=["hrbp"], mask="id_number"),
    PersonalField("isapi.national_id_kind", "which kinds of national id there are", clear=(*_IDENTITY, "hrbp")),
    PersonalField("isapi.birth_date", "birth date", clear=_IDENTITY, masked=["hrbp"]),
)
"""Hidden from everybody else."""

UnmaskField = Literal["national_id", "birth_date", "mobile_phone", "home_phone", "private_mail"]
Country = Annotated[str, Meta(pattern="^[A-Z]{3}$", description="ISO 3166-1, three letters")]
Kind = Personal("isapi.national_id_kind")


class NationalId(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One national id of somebody."""

    national_id: Annotated[str | UnsetType, Personal("isapi.national_id")] = UNSET
    country: Annotated[str | UnsetType, Kind] = UNSET
    type: Annotated[str | UnsetType, Kind, Meta(description="NATIONAL_ID_TYPE of the HR system: NID, PASSPT ...")] = (
        UNSET
    )
    warning: Annotated[
        str | UnsetType | None,
        Kind,
        Meta(description="`unknown_region`: the number breaks no rule, but its region is in no table"),
    ] = UNSET


class Identity(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who somebody is to the state. What the caller may not see is left out."""

    emplid: Annotated[str, Subject()]
    birth_date: Annotated[
        str | UnsetType | None, Personal("isapi.birth_date"), Meta(description="YYYY-MM-DD; masked `***`")
    ] = UNSET
    documents: Annotated[list[NationalId], Meta(description="The primary one first")] = []


class NationalIdQuestion(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whose national id this is. In a body: it belongs into no log of addresses."""

    national_id: Annotated[str, Meta(min_length=1, max_length=40)]
    country: Country = "CHN"


class Bearers(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whose national id it is: several where it was keyed wrong."""

    emplids: list[str]


class UnmaskRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which field to show clear, and what for."""

    field: UnmaskField
    reason: Annotated[str, Meta(min_length=10, max_length=500, description="Kept in the audit log")]


class Unmasked(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One clear value; of several national ids the primary one."""

    emplid: Annotated[str, Subject()]
    field: UnmaskField
    value: str
