"""OpenAPI 3.1 of a plugin's typed routes, derived from their types (https://spec.openapis.org/oas/v3.1.1)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from http import HTTPStatus
from typing import Any, get_origin

import attrs
import msgspec
from aiohttp import web

from serai.declarations import Api, FeedRoute, Page, Route
from serai.errors import PluginError
from serai.identity.fields import FieldPolicy
from serai.identity.marks import marks_of, structs_within
from serai.web.encoding import json_answer
from serai.web.feeds import EVENT_STREAM, signature_of_feed
from serai.web.fields import DENIED, MASKED, tell_audiences
from serai.web.refusals import COMPONENTS, refusals_of
from serai.web.schemas import Schema, Schemas, given, taken, without_null
from serai.web.signature import Signature, gives_json, signature_of
from serai.web.typed import HttpHandler

_REQUEST_ID = {"X-Request-Id": {"$ref": "#/components/headers/X-Request-Id"}}
_HEADERS = {
    "X-Request-Id": "Names this request in the logs; say it when you report a fault.",
    "ETag": "Names exactly these bytes (RFC 9110, 8.8.3); send it back as `If-None-Match`.",
    DENIED: "Personal fields that you may not see, of somebody in the answer, and that were left out; commas between.",
    MASKED: "Personal fields that are masked, of somebody in the answer; commas between.",
    "Link": 'The page after this one, as `<...>; rel="next"` (RFC 8288); absent on the last.',
}
_IF_NONE_MATCH = {
    "name": "If-None-Match",
    "in": "header",
    "description": "The `ETag` of the answer that you have: 304 if it is still the same.",
    "schema": {"type": "string"},
}


@attrs.frozen
class _Operation:
    """A route with what its handler takes and gives."""

    path: str
    route: Route | FeedRoute
    signature: Signature
    id: str

    @property
    def status(self) -> int:
        return self.signature.status(self.route)

    @property
    def gives_pages(self) -> bool:
        return get_origin(self.signature.returns) is Page

    @property
    def gives_personal(self) -> bool:
        return any(marks_of(shape).personal for shape in structs_within(self.signature.returns))

    @property
    def asks_personal(self) -> bool:
        return bool(marks_of(self.signature.query).personal)


def document(
    *, name: str, title: str, version: str, summary: str, apis: Sequence[Api], policy: FieldPolicy
) -> dict[str, Any]:
    """The OpenAPI document of the plugin `name`, as plain JSON values; who sees which personal field `policy` says.

    Raises `PluginError` where a handler cannot be bound, as mounting it does.
    """
    operations = list(_operations(name, apis))
    inputs = taken([type_ for one in operations for type_ in _taken_by(one)])
    outputs = given([one.signature.returns for one in operations if gives_json(one.signature)])
    for schema, node in outputs.structs:
        tell_audiences(schema, get_origin(node.cls) or node.cls, policy)
    both = inputs.components.keys() & outputs.components.keys()
    differing = {known for known in both if inputs.components[known] != outputs.components[known]}
    inputs.rename(lambda known: f"{known}Input" if known in differing else known)
    components = {**inputs.components, **outputs.components}
    if reserved := components.keys() & COMPONENTS.keys():
        raise PluginError(
            f"{name}: {min(reserved)} is the name of a shape of the kernel's own", hint="rename the Struct"
        )
    paths: dict[str, dict[str, Schema]] = {}
    for one in operations:
        paths.setdefault(one.path, {})[one.route.method.lower()] = _operation(one, inputs, outputs)
    return {
        "openapi": "3.1.0",
        "info": {"title": title, "version": version, "summary": summary},
        "paths": paths,
        "components": {
            "schemas": {**_referred(paths, components), **COMPONENTS},
            "headers": {
                header: {"description": text, "schema": {"type": "string"}} for header, text in _HEADERS.items()
            },
            "parameters": {"IfNoneMatch": _IF_NONE_MATCH},
            "securitySchemes": {
                "key": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "An API key: `Authorization: Bearer srk_...`",
                }
            },
        },
    }


def document_handler(document: dict[str, Any]) -> HttpHandler:
    """A raw aiohttp handler that answers the document, with an ETag."""
    body = msgspec.json.encode(document)

    async def openapi_document(request: web.Request) -> web.StreamResponse:
        return json_answer(request, body, 200, {})

    return openapi_document


def _operations(name: str, apis: Sequence[Api]) -> Iterator[_Operation]:
    for api in apis:
        suffix = "" if api.version == 1 else f"_v{api.version}"
        for route in api.routes:
            path = f"/{name}/api/v{api.version}{route.path}"
            yield _Operation(path, route, signature_of(name, route), route.operation + suffix)
        for feed in api.feeds:
            path = f"/{name}/api/v{api.version}{feed.path}"
            yield _Operation(path, feed, signature_of_feed(name, feed), feed.operation + suffix)


def _taken_by(one: _Operation) -> list[Any]:
    types = [*one.signature.path.values(), one.signature.query]
    return types if one.signature.body is None else [*types, one.signature.body]


def _referred(root: Any, components: dict[str, Schema]) -> dict[str, Schema]:
    """Those components that `root` refers to, directly or through others, by name in alphabetical order."""
    found: dict[str, Schema] = {}
    waiting = _references(root)
    while waiting:
        name = waiting.pop()
        if name in components and name not in found:
            found[name] = components[name]
            waiting += _references(found[name])
    return dict(sorted(found.items()))


def _references(tree: Any) -> list[str]:
    if isinstance(tree, dict):
        own = [tree["$ref"].rpartition("/")[2]] if isinstance(tree.get("$ref"), str) else []
        return own + [name for part in tree.values() for name in _references(part)]
    return [name for part in tree for name in _references(part)] if isinstance(tree, list) else []


def _operation(one: _Operation, inputs: Schemas, outputs: Schemas) -> Schema:
    """The Operation Object of a route."""
    route = one.route
    summary, _, more = route.doc.partition("\n")
    operation: Schema = {
        "operationId": one.id,
        "summary": summary,
        "description": f"{more.strip()}\n\n{_who_may(route)}".strip(),
        "security": [] if route.public else [{"key": []}],
        "parameters": list(_parameters(one, inputs)),
        "responses": _responses(one, outputs),
    }
    if route.permission:
        operation["x-permission"] = route.permission
    if one.signature.body is not None:
        operation["requestBody"] = {"required": True, "content": _json(inputs.of(one.signature.body))}
    return operation


def _who_may(route: Route | FeedRoute) -> str:
    if route.public:
        return "Public: no key is needed."
    return f"Needs the permission `{route.permission}`." if route.permission else "Any valid key will do."


def _parameters(one: _Operation, inputs: Schemas) -> Iterator[Schema]:
    for name, type_ in one.signature.path.items():
        yield _parameter(name, "path", inputs.of(type_), required=True)
    query = inputs.struct(one.signature.query)
    for name, schema in query["properties"].items():
        yield _parameter(name, "query", schema, required=name in query["required"])
    if one.route.method == "GET" and gives_json(one.signature):
        yield {"$ref": "#/components/parameters/IfNoneMatch"}


def _parameter(name: str, where: str, stated: Schema, *, required: bool) -> Schema:
    """The Parameter Object of a value with the schema `stated`."""
    schema = without_null(stated)
    parameter: Schema = {"name": name, "in": where, "required": required, "schema": schema}
    if "description" in schema:
        parameter["description"] = schema.pop("description")
    if schema.get("type") == "array":
        parameter |= {"style": "form", "explode": False}
    return parameter


def _responses(one: _Operation, outputs: Schemas) -> Schema:
    headers: Schema = dict(_REQUEST_ID)
    answer: Schema = {"description": HTTPStatus(one.status).phrase, "headers": headers}
    responses = {str(one.status): answer}
    if gives_json(one.signature):
        answer["content"] = _json(outputs.of(one.signature.returns))
        if one.status == HTTPStatus.OK:
            headers["ETag"] = {"$ref": "#/components/headers/ETag"}
        if isinstance(one.route, FeedRoute):
            answer["content"] |= {EVENT_STREAM: {"schema": {"type": "string"}}}
        if one.route.method == "GET":
            responses["304"] = {"description": "What you have is still the same", "headers": dict(headers)}
        for header in (DENIED, MASKED) if one.gives_personal else ():
            headers[header] = {"$ref": f"#/components/headers/{header}"}
        if one.gives_pages:
            headers["Link"] = {"$ref": "#/components/headers/Link"}
    takes_body = one.signature.body is not None
    every = refusals_of(one.route, takes_body=takes_body, gives_pages=one.gives_pages, asks_personal=one.asks_personal)
    for status, refusals in every.items():
        responses[str(status)] = {
            "description": "\n".join(f"- `{refusal.slug}`: {refusal.title}" for refusal in refusals),
            "headers": dict(_REQUEST_ID),
            "content": {"application/problem+json": {"schema": {"$ref": _problem_schema(status)}}},
            "x-problems": [refusal.slug for refusal in refusals],
        }
    return responses


def _problem_schema(status: int) -> str:
    return f"#/components/schemas/{'InvalidRequest' if status == 400 else 'Problem'}"


def _json(schema: Schema) -> Schema:
    return {"application/json": {"schema": schema}}
