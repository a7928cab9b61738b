"""JSON Schemas of what routes take and give, for OpenAPI: msgspec's, completed by what the kernel itself demands."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any, get_origin

import msgspec
from msgspec import Struct, inspect

from serai.declarations.nodes import within
from serai.web.parameters import LARGEST_INTEGER

Schema = dict[str, Any]

_REF = "#/components/schemas/"
_GENERIC = re.compile(r"(.+?)_(.+)_")
_STORABLE = "^[^\\u0000]*$"


class Schemas:
    """The schemas of some types and the `components` that they refer to by name."""

    def __init__(self, types: Sequence[Any]) -> None:
        structs = {
            node.cls: node
            for type_ in types
            for node in within(inspect.type_info(type_))
            if isinstance(node, inspect.StructType)
        }
        every = [*types, *structs]
        schemas, components = msgspec.json.schema_components(every, ref_template=_REF + "{name}")
        self.components: dict[str, Schema] = components
        self._of: dict[int, Schema] = {id(type_): schema for type_, schema in zip(every, schemas, strict=True)}
        self.rename(lambda name: name if readable(name) in components else readable(name))
        self.structs = [(self.struct(cls), node) for cls, node in structs.items()]

    def of(self, type_: Any) -> Schema:
        """The schema of one of the types: the very object, not one that is equal."""
        return self._of[id(type_)]

    def struct(self, cls: type[Struct]) -> Schema:
        """The component that a Struct among the types, or within them, has become."""
        reference: str = self.of(cls)["$ref"]
        return self.components[reference.removeprefix(_REF)]

    def every(self) -> Iterator[Schema]:
        """All schemas, also those within others."""
        for schema in (*self._of.values(), *self.components.values()):
            yield from nested(schema)

    def rename(self, name_of: Callable[[str], str]) -> None:
        """Give each component the name that `name_of` makes of its own."""
        self.components = {name_of(name): schema for name, schema in self.components.items()}
        for schema in {id(schema): schema for schema in self.every()}.values():
            if "$ref" in schema:
                schema["$ref"] = _REF + name_of(schema["$ref"].removeprefix(_REF))


def taken(types: Sequence[Any]) -> Schemas:
    """Schemas of what requests carry, as strict as the kernel reads it."""
    schemas = Schemas(types)
    for schema in schemas.every():
        if schema.get("type") == "integer":
            if not schema.keys() & {"minimum", "exclusiveMinimum"}:
                schema["minimum"] = -LARGEST_INTEGER
            if not schema.keys() & {"maximum", "exclusiveMaximum"}:
                schema["maximum"] = LARGEST_INTEGER
        elif schema.get("type") == "string" and not schema.keys() & {"enum", "format", "pattern"}:
            schema["pattern"] = _STORABLE
    return schemas


def given(types: Sequence[Any]) -> Schemas:
    """Schemas of what answers carry: every property but one that may be `UNSET` is there, and more may come later."""
    schemas = Schemas(types)
    for schema in schemas.every():
        schema.pop("default", None)
    for schema, node in schemas.structs:
        schema.pop("additionalProperties", None)
        schema["required"] = [name for name in schema["properties"] if name not in _omissible(node)]
    return schemas


def readable(name: str) -> str:
    """The name of a component as people say it: `Page_Employee_` is `EmployeePage`."""
    generic = _GENERIC.fullmatch(name)
    return readable(generic[2]) + generic[1] if generic else name


def nested(schema: Schema) -> Iterator[Schema]:
    """A schema and those that it is made of."""
    yield schema
    for key in ("items", "additionalProperties", "propertyNames"):
        if isinstance(schema.get(key), dict):
            yield from nested(schema[key])
    for key in ("anyOf", "prefixItems"):
        for part in schema.get(key, ()):
            yield from nested(part)
    for part in schema.get("properties", {}).values():
        yield from nested(part)


def without_null(stated: Schema) -> Schema:
    """A schema as that of a parameter: it can be absent, but no text stands for null."""
    rest = [one for one in stated.get("anyOf", ()) if one != {"type": "null"}]
    schema = {**rest[0], **stated} if len(rest) == 1 else dict(stated)
    if len(rest) == 1:
        del schema["anyOf"]
    if "enum" in schema:
        schema["enum"] = [value for value in schema["enum"] if value is not None]
    if schema.get("default", ...) is None:
        del schema["default"]
    return schema


def _omissible(node: inspect.StructType) -> set[str]:
    """Fields that an answer may leave out: those that may be `UNSET`, or all with a default if it omits those."""
    omits_defaults = (get_origin(node.cls) or node.cls).__struct_config__.omit_defaults
    return {
        field.encode_name
        for field in node.fields
        if not field.required
        and (omits_defaults or field.default is field.default_factory)  # both NODEFAULT: the default is UNSET
    }
