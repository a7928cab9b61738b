"""How the attributes of a kind of resource are read in SQL."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from scim2_models import InvalidFilterException
from scim2_models.path import AttributeBinding

Entry = Callable[[str], str | None]
"""The SQL expression of a sub-attribute (`value`, `type` ...) of one entry; None where entries have no such thing."""


class Reading(Protocol):
    """The attributes of the rows of one relation, which its SQL expressions name.

    An expression is NULL where the resource has no value. Text is text, truth boolean, a moment timestamptz.
    """

    def single(self, path: str) -> str | None:
        """The expression of an attribute that holds one value; None where no resource here has it."""

    def indexed(self, path: str) -> Sequence[str]:
        """Expressions with indexes, one of which equals a text, as it is compared, where the attribute equals it."""

    def inside(self, path: str) -> list[str]:
        """The expressions of all that a complex attribute of one value holds."""

    def any_entry(self, path: str, condition: Callable[[Entry], str]) -> str:
        """Whether an entry of the multi-valued attribute meets the condition."""

    def any_filled(self, path: str) -> str:
        """Whether an entry of the multi-valued attribute holds anything."""

    def first(self, path: str, sub: str) -> str | None:
        """That sub-attribute of the primary entry, else of the first one: what resources are sorted by."""


def path_of(binding: AttributeBinding) -> tuple[str, str | None]:
    """An attribute as `Reading` names it: `userName`, `name.givenName`, `urn:...:User:manager.value`.

    Of a multi-valued one the attribute and its sub-attribute come apart: (`emails`, `type`). Attributes of extensions
    keep their URN.
    """
    schema = str(getattr(binding.model, "__schema__", ""))
    name = binding.urn
    if ":core:" in schema:
        name = name.removeprefix(f"{schema}:")
    if not binding.is_multivalued or binding.sub_field_name is None:
        return name, None
    head, _, sub = name.rpartition(".")
    return head, sub


def refuse_filter(what: str) -> InvalidFilterException:
    """The error of a filter that cannot be answered: it says what is not taken."""
    return InvalidFilterException(detail=f"{what} cannot be filtered by here")
