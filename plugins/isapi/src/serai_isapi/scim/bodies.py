"""Request bodies of identity providers, put right where that cannot be misunderstood.

What scim2-models forgives by itself (`TOLERANT`, op in any case, attribute names in any case, booleans as texts, dotted
paths as keys) is not done again here.
"""

from __future__ import annotations

import json
import re
from typing import Any

import msgspec
from scim2_models import InvalidSyntaxException, InvalidValueException, PatchOp

_UNSTORABLE = re.compile(rb"\\u(0000|[dD][89a-fA-F])")
_MANAGER = re.compile(r"(^|:)manager$", re.IGNORECASE)
_PATCH = [str(PatchOp.__schema__)]


def corrected(method: str, body: bytes) -> bytes:
    """The body as scim2-models is to read it. Raises `InvalidSyntaxException`, `InvalidValueException`."""
    if not body:
        return body
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        raise InvalidSyntaxException(detail="The body is not well-formed JSON") from None
    if not isinstance(document, dict):
        raise InvalidSyntaxException(detail="The body is not a JSON object")
    if _UNSTORABLE.search(body):
        _check_texts(document)
    if method == "PATCH":
        _name_schema(document)
        _drop_idle_removals(document)
        for operation in _operations(document):
            _spell_out_manager(operation)
    return msgspec.json.encode(document)


def _check_texts(document: Any) -> None:
    """Refuse texts that neither PostgreSQL nor UTF-8 can hold."""
    if isinstance(document, str):
        if "\0" in document or any("\ud800" <= character <= "\udfff" for character in document):
            raise InvalidValueException(detail="The body holds a text with U+0000 or half a surrogate pair")
    elif isinstance(document, list):
        for item in document:
            _check_texts(item)
    elif isinstance(document, dict):
        for name, item in document.items():
            _check_texts(name)
            _check_texts(item)


def _name_schema(document: dict[str, Any]) -> None:
    """Say that it is a PatchOp where the client did not."""
    if not any(name.lower() == "schemas" for name in document):
        document["schemas"] = _PATCH


def _operations(document: dict[str, Any]) -> list[dict[str, Any]]:
    found = [value for name, value in document.items() if name.lower() == "operations" and isinstance(value, list)]
    return [operation for operations in found for operation in operations if isinstance(operation, dict)]


def _spell_out_manager(operation: dict[str, Any]) -> None:
    """A manager named by its id alone, as Entra does, by path or as a key: the complex attribute that it means."""
    members = {name.lower(): name for name in operation}
    value = operation.get(members.get("value", ""))
    if isinstance(value, str) and value and _MANAGER.search(str(operation.get(members.get("path", ""), ""))):
        operation[members["value"]] = {"value": value}
    elif isinstance(value, dict):
        for name, manager in value.items():
            if isinstance(manager, str) and manager and _MANAGER.search(name):
                value[name] = {"value": manager}


def _drop_idle_removals(document: dict[str, Any]) -> None:
    """Leave out a `remove` whose value is an empty list: it names nothing to remove, and must not remove all."""
    for name, operations in document.items():
        if name.lower() == "operations" and isinstance(operations, list):
            document[name] = [operation for operation in operations if not _is_idle_removal(operation)]


def _is_idle_removal(operation: Any) -> bool:
    if not isinstance(operation, dict):
        return False
    members = {name.lower(): value for name, value in operation.items()}
    return str(members.get("op")).lower() == "remove" and members.get("value") == []
