"""The SCIM protocol over our storage: scim2-server between the kernel's raw requests and answers."""

from __future__ import annotations

import re
from typing import Any, cast
from urllib.parse import parse_qsl

import msgspec
from scim2_models import (
    EnterpriseUser,
    Error,
    ForbiddenException,
    Group,
    InvalidSyntaxException,
    NotImplementedException,
    Reference,
    Resource,
    ResourceType,
    SCIMException,
    SearchRequest,
    User,
)
from scim2_server.handler import AsyncScimHandler
from scim2_server.requests import ScimRequest
from scim2_server.responses import ScimResponse
from scim2_server.routing import Operation, Target
from scim2_server.service import ScimService

from serai import Call, Database, Principal, RawAnswer, RawRequest
from serai_isapi.hidden import HiddenPeople
from serai_isapi.published import PRESENT
from serai_isapi.scim.bodies import corrected
from serai_isapi.scim.filters import check_size
from serai_isapi.scim.models import provider
from serai_isapi.scim.storage import Storage
from serai_isapi.shapes import Employee

_WORDY = re.compile(r"\n(?P<what>\S+)\n +(?P<sentence>[^\n]+?) \[type=")
"""How pydantic tells what does not fit, where scim2-models passes that on as it is."""
_WRITES = {Operation.create, Operation.replace, Operation.patch, Operation.delete}
_PARAMETERS = {
    name.lower(): name
    for name in (
        "attributes", "excludedAttributes", "filter", "sortBy", "sortOrder", "startIndex", "count", "cursor",
    )
}  # fmt: skip
"""The parameters of a query as the standard spells them: clients may spell them in any case."""


class Service(ScimService):
    """What this deployment lets its SCIM clients do."""

    def __init__(self, *, writes: bool, secret: str) -> None:
        super().__init__(provider(writes=writes), secret=secret)
        self._writes = writes

    @staticmethod
    def error_of(exception: Exception) -> Error:
        error = ScimService.error_of(exception)
        wordy = _WORDY.search(error.detail or "")
        if wordy is not None:
            error.detail = f"{wordy['what']}: {wordy['sentence']}"
        return error

    def authorize(self, request: ScimRequest, target: Target, resource_type: ResourceType) -> None:
        if target.operation not in _WRITES:
            return
        if not self._writes:
            raise NotImplementedException(detail="People and departments come from the HR system: read-only here")
        if not cast(Principal, request.subject).may("isapi:write"):
            raise ForbiddenException(detail="This client does not have the permission isapi:write")

    def publish(self, base_url: str, resource: Resource[Any]) -> Resource[Any]:
        """The resource with URLs in place of references, itself: the storage made it for this answer alone.

        The library copies it deeply and looks for references everywhere, which takes most of the time of a page.
        """
        assert resource.meta is not None
        kind = self.get_resource_type_of(resource)
        resource.meta.location = Reference(self.resource_location(base_url, kind, str(resource.id)))
        entries: list[Any] = []
        if isinstance(resource, User):
            enterprise = resource[EnterpriseUser]
            entries = [*(resource.groups or ()), enterprise.manager if enterprise is not None else None]
        elif isinstance(resource, Group):
            entries = [*(resource.members or ())]
        for entry in entries:
            if entry is not None and entry.ref is not None:
                entry.ref = Reference(self.reference_location(base_url, str(entry.ref)))
        return resource

    def read_search(self, resource_types: list[ResourceType], payload: Any) -> tuple[SearchRequest[Any], Any]:
        if not isinstance(payload, dict):
            raise InvalidSyntaxException(detail="The body is not a JSON object")
        for name, value in payload.items():
            if name.lower() == "filter" and isinstance(value, str):
                check_size(value)
        return super().read_search(resource_types, payload)


class ScimServer:
    """Answers SCIM requests."""

    def __init__(self, db: Database, *, writes: bool, secret: str) -> None:
        self._db = db
        self._writes = writes
        self._service = Service(writes=writes, secret=secret)

    async def answer(self, call: Call, request: RawRequest) -> RawAnswer:
        """The answer to a request; what SCIM refuses is an answer too."""
        may = call.who.may
        view = call.ctx.fields.of(call.who).everybody(Employee)  # what is seen can be searched, so it is seen of all
        storage = Storage(
            self._db,
            fields=frozenset(Employee.__struct_fields__) - view.hidden - view.masked,
            private=may("isapi:contact") or may("isapi:write"),
            writes=self._writes,
            edition=PRESENT.hiding(call.get(HiddenPeople).of(call.who)),
        )
        handler = AsyncScimHandler(self._service, storage)
        try:
            response = await handler.handle(_scim_request(call.who, request))
        except SCIMException as refusal:
            response = self._service.error_response(refusal)
        return _answer(response)


def _scim_request(who: Principal, request: RawRequest) -> ScimRequest:
    method = "GET" if request.method == "HEAD" else request.method
    return ScimRequest(
        method=method,
        base_url=request.root,
        path=request.path.removesuffix(".scim"),
        query=_query(request.query),
        headers=request.headers,
        body=corrected(method, request.body),
        subject=who,
    )


def _query(text: str) -> dict[str, str]:
    """The parameters that SCIM knows. Raises `InvalidSyntaxException`."""
    try:
        pairs = parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=50)
    except ValueError:
        raise InvalidSyntaxException(detail="The query is not well encoded, or too long") from None
    query: dict[str, str] = {}
    for name, value in pairs:
        known = _PARAMETERS.get(name.lower())
        if known is None:
            raise InvalidSyntaxException(detail=f"The parameter {name[:40]!r} is not known here")
        if known in query:
            raise InvalidSyntaxException(detail=f"The parameter {known} comes twice")
        query[known] = value
    return query


def _answer(response: ScimResponse) -> RawAnswer:
    body = b"" if response.body is None else msgspec.json.encode(response.body)
    headers = dict(response.headers)
    if not body:
        headers.pop("Content-Type", None)
    return RawAnswer(status=int(response.status), body=body, headers={**headers, "Vary": "Authorization"})
