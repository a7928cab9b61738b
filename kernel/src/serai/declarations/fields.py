"""Personal fields: marked on the types that hold them, declared once with who may see them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import attrs

Relation = Literal["self", "managers", "hrbp", "anyone"]
"""What a colleague is to the person whose field it is: that person, above them in the line of managers, their HR
business partner, or any colleague at all."""

MaskName = Literal["phone", "id_number", "name", "mail", "bank_account", "address", "text"]
"""How a masked value is written: `138****8000`, `110***********002X`, `张*`, `z***@corp.example`, `**** 1234`, an
address up to the district, or `***`."""


@attrs.frozen
class Personal:
    """Marks a Struct's field as personal: `phone: Annotated[str | UnsetType | None, Personal("isapi.mobile_phone")]`.

    In an answer the kernel leaves the field out or masks it, so it must have the default `UNSET`. On a query's Struct
    it says that the parameter filters, searches or sorts by that field: only who sees it clear of everybody may use it.
    """

    name: str
    """That of a declared `PersonalField`: `PLUGIN.FIELD`, of this plugin or of another."""


@attrs.frozen
class Subject:
    """Marks the field (a text) of a Struct that says whose the Struct is; it holds for the Structs within it too."""


@attrs.frozen
class PersonalField:
    """A personal field, and who sees it; nobody else does.

    An audience is a `Relation`, which a colleague has to the person, or a permission, which the caller holds. An
    operator's `[fields."PLUGIN.FIELD"]` goes before what is declared here.
    """

    name: str
    """`PLUGIN.FIELD`."""
    title: str
    """What it is, for people."""
    clear: Sequence[str] = attrs.field(default=(), kw_only=True)
    """The audiences that see it as it is."""
    masked: Sequence[str] = attrs.field(default=(), kw_only=True)
    """The audiences that see it masked, unless they see it clear."""
    mask: MaskName = attrs.field(default="text", kw_only=True)
