"""JSON Schema of a deployment, for editors and reviews: what `serai config schema` prints."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import attrs
import msgspec
from msgspec import inspect

from serai.config.fields import FieldSettings
from serai.config.secret import Secret
from serai.config.services import ServiceSettings
from serai.config.settings import KernelSettings
from serai.config.structuring import leaf_type
from serai.config.wording import choices

Schema = dict[str, Any]

_SECRET: Schema = {
    "anyOf": [
        {"type": "string", "minLength": 1},
        *(
            {"type": "object", "properties": {source: {"type": "string"}}, "required": [source]}
            | {"additionalProperties": False}
            for source in ("env", "file")
        ),
    ]
}


def deployment_schema(plugins: Mapping[str, type | None], drivers: Mapping[str, type | None]) -> Schema:
    """JSON Schema (2020-12) of a file that uses these plugins and drivers: `{name: settings class or None}`."""
    devices = [_device(driver, settings) for driver, settings in drivers.items()]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A deployment of Serai",
        "type": "object",
        "properties": {
            "kernel": settings_schema(KernelSettings),
            "devices": {"type": "object", "additionalProperties": {"oneOf": devices} if devices else False},
            "plugins": {
                "type": "object",
                "properties": {name: settings_schema(settings) for name, settings in plugins.items()},
                "additionalProperties": False,
            },
            "fields": {"type": "object", "additionalProperties": settings_schema(FieldSettings)},
            "services": {"type": "object", "additionalProperties": settings_schema(ServiceSettings)},
        },
        "required": ["kernel"],
        "additionalProperties": False,
    }


def settings_schema(settings: type | None) -> Schema:
    """JSON Schema of the table that a settings class describes; of an empty one for None."""
    if settings is None:
        return {"type": "object", "additionalProperties": False}
    return _schema(inspect.type_info(settings))


def _device(driver: str, settings: type | None) -> Schema:
    schema = settings_schema(settings)
    return {
        **schema,
        "properties": {"driver": {"const": driver}, **schema.get("properties", {})},
        "required": ["driver", *schema.get("required", ())],
    }


def _schema(node: Any) -> Schema:
    if isinstance(node, inspect.Metadata):
        return _schema(node.type) | (node.extra_json_schema or {})
    if isinstance(node, inspect.CustomType):
        return _SECRET if node.cls is Secret else {"type": "string"}
    if isinstance(node, inspect.UnionType):
        return {"anyOf": [_schema(arm) for arm in node.types]}
    if isinstance(node, inspect.DataclassType):
        return _table(node)
    if isinstance(node, inspect.DictType):
        return {"type": "object", "additionalProperties": _schema(node.value_type)}
    if isinstance(node, (inspect.LiteralType, inspect.EnumType)):
        return {"enum": choices(node)}
    if isinstance(node, inspect.CollectionType):
        limits = {"minItems": node.min_length, "maxItems": node.max_length}
        return {"type": "array", "items": _schema(node.item_type)} | {k: v for k, v in limits.items() if v is not None}
    return {} if isinstance(node, inspect.AnyType) else msgspec.json.schema(leaf_type(node))


def _table(node: inspect.DataclassType) -> Schema:
    types = {field.name: field.type for field in node.fields}
    fields = [field for field in attrs.fields(node.cls) if field.init]
    return {
        "type": "object",
        "description": (node.cls.__doc__ or "").strip(),
        "properties": {field.alias: _schema(types[field.name]) | _default(field.default) for field in fields},
        "required": [field.alias for field in fields if field.default is attrs.NOTHING],
        "additionalProperties": False,
    }


def _default(default: Any) -> Schema:
    """The default as JSON; nothing where there is none, or none that may be shown."""
    try:
        return {"default": msgspec.to_builtins(default, enc_hook=_shown)}
    except NotImplementedError:
        return {}


def _shown(value: Any) -> Any:
    if isinstance(value, Path):
        return str(value)
    raise NotImplementedError
