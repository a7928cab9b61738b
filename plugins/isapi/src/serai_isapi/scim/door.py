"""What the kernel mounts at `/isapi/scim/v2`.

The SCIM libraries take a second to import: they are brought in, in a thread, by whoever asks first, and a deployment
that nobody asks in SCIM does not pay for them.
"""

from __future__ import annotations

import asyncio
from importlib import import_module
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import attrs
import msgspec

from serai import Call, Database, Mount, Problem, RawAnswer, RawRequest
from serai_isapi.settings import Settings
from serai_isapi.state import DataState

if TYPE_CHECKING:
    from serai_isapi.scim.server import ScimServer

MEDIA_TYPE = "application/scim+json"
_ERROR = ["urn:ietf:params:scim:api:messages:2.0:Error"]


@attrs.define
class Scim:
    """The SCIM server of this process, made when it is first asked."""

    db: Database
    writes: bool
    _server: ScimServer | None = None
    _making: asyncio.Lock = attrs.field(factory=asyncio.Lock)

    async def server(self) -> ScimServer:
        """The one server."""
        if self._server is None:
            async with self._making:
                if self._server is None:
                    module: Any = await asyncio.to_thread(import_module, "serai_isapi.scim.server")
                    self._server = module.ScimServer(self.db, writes=self.writes, secret=await self._secret())
        return self._server

    async def _secret(self) -> str:
        """What every process seals its cursors with."""
        async with self.db.raw() as connection:
            await connection.execute(
                "insert into isapi.scim_secret (id, secret) values (true, $1) on conflict do nothing",
                uuid4().hex + uuid4().hex,
            )
            secret: str = await connection.fetchval("select secret from isapi.scim_secret")
        return secret


async def serve(call: Call, request: RawRequest) -> RawAnswer:
    """Answer a SCIM request."""
    state = call.get(DataState)
    if not call.get(Settings).scim_writes:
        state.edition(None, call.ctx.now())  # raises where nothing has been read yet
    if state.age_header is not None:
        call.headers["X-Data-As-Of"] = state.age_header
    server = await call.get(Scim).server()
    return await server.answer(call, request)


def refuse(problem: Problem) -> RawAnswer:
    """A problem of the kernel, or of isapi, as a SCIM error (RFC 7644, 3.12)."""
    error = {"schemas": _ERROR, "status": str(problem.status), "detail": str(problem)}
    return RawAnswer(status=problem.status, body=msgspec.json.encode(error), headers={"Content-Type": MEDIA_TYPE})


scim = Mount(path="/scim/v2", handler=serve, permission="isapi:read", refuse=refuse)
