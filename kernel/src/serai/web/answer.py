"""`Answer`: a response that is whole before its first byte is sent."""

from __future__ import annotations

from collections.abc import Mapping
from email.utils import formatdate
from http import HTTPStatus
from time import time

from aiohttp import HttpVersion11, hdrs, web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.web_request import BaseRequest
from multidict import CIMultiDict, istr

KERNEL_HEADERS = CIMultiDict(
    {
        istr("Server"): "serai",
        istr("X-Content-Type-Options"): "nosniff",
        istr("Referrer-Policy"): "no-referrer",
        istr("Content-Security-Policy"): "default-src 'none'; frame-ancestors 'none'",
        istr("Cache-Control"): "private, no-cache",
    }
)
"""Every answer carries them, unless its handler set them otherwise."""

_LINES = {int(status): f"{int(status)} {status.phrase}" for status in HTTPStatus}
_WITHOUT_BODY = frozenset({HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED})  # RFC 9110, 6.4.1


class Answer(web.StreamResponse):
    """Status, headers and body, sent with one write.

    aiohttp's own `web.Response` can also be compressed, chunked, filled late and changed by signals just before it is
    sent. An answer needs none of that, and costs a third of it.
    """

    def __init__(self, status: int = 200, body: bytes = b"", headers: Mapping[str, str] | None = None) -> None:
        super().__init__(status=status, headers=KERNEL_HEADERS)
        if headers is not None:
            self.headers.update(headers)
        self.body = body
        self._lasting = True
        self._writer: AbstractStreamWriter | None = None

    @property
    def keep_alive(self) -> bool:
        """Whether the connection takes another request after this answer."""
        return self._lasting

    def force_close(self) -> None:
        """Close the connection after this answer."""
        self._lasting = False

    @property
    def prepared(self) -> bool:
        """Whether the head is on its way."""
        return self._writer is not None

    async def prepare(self, request: BaseRequest) -> AbstractStreamWriter:
        """Hand the head to the connection, which sends it together with the body."""
        if self._writer is not None:
            return self._writer
        headers, version, status = self.headers, request.version, self.status
        self._lasting = self._lasting and request.keep_alive
        if not self._lasting:
            headers[hdrs.CONNECTION] = "close"
        elif version < HttpVersion11:
            headers[hdrs.CONNECTION] = "keep-alive"
        headers[hdrs.DATE] = _clock.date()
        if status in _WITHOUT_BODY:
            self.body = b""
        else:
            headers[hdrs.CONTENT_LENGTH] = str(len(self.body))
            if request.method == "HEAD":
                self.body = b""
        writer = self._writer = request.writer
        await writer.write_headers(f"HTTP/{version[0]}.{version[1]} {_LINES.get(status, status)}", headers)
        return writer

    async def write_eof(self, data: bytes = b"") -> None:
        """Send the answer."""
        assert self._writer is not None, "an answer is prepared before it is sent"
        await self._writer.write_eof(self.body)


class _Clock:
    """The time as `Date` has it (RFC 9110, 5.6.7), made once a second."""

    def __init__(self) -> None:
        self._second = 0
        self._date = ""

    def date(self) -> str:
        now = int(time())
        if now != self._second:
            self._second, self._date = now, formatdate(now, usegmt=True)
        return self._date


_clock = _Clock()
