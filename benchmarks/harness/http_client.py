"""A raw keep-alive HTTP/1.1 client that costs little, because it shares the cores with what it measures.

Why not wrk, hey or oha: none both sends at a constant rate and keeps every answer to be checked, and none is to be had
without root everywhere. httpx and aiohttp cost several times as much a request as this.
"""

import asyncio
from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple, Self, cast
from urllib.parse import urlsplit

HEADER_END = b"\r\n\r\n"


class Answer(NamedTuple):
    """The status and the body of one response."""

    status: int
    body: bytes


class HttpError(Exception):
    """What came is no response that this client understands, or the connection was closed before one was complete."""


def post(url: str, body: bytes, headers: Mapping[str, str] = MappingProxyType({})) -> bytes:
    """The bytes of a JSON POST to *url*, to be made once and sent many times."""
    parts = urlsplit(url)
    fields = {"Host": parts.netloc, "Content-Type": "application/json", "Content-Length": str(len(body)), **headers}
    lines = [f"POST {parts.path} HTTP/1.1", *(f"{name}: {value}" for name, value in fields.items())]
    return "\r\n".join([*lines, "\r\n"]).encode() + body


class ResponseParser:
    """Joins received bytes into a response; knows Content-Length only, which is what all contenders send."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._status = 0
        self._body_at = 0
        self._end = -1

    def feed(self, data: bytes) -> Answer | None:
        """Take what was received; return the response once it is complete. Raises HttpError."""
        self._buffer += data
        if self._end < 0:
            self._read_head()
        if self._end < 0 or len(self._buffer) < self._end:
            return None
        if len(self._buffer) > self._end:
            raise HttpError("more than one response to one request")
        answer = Answer(self._status, bytes(self._buffer[self._body_at :]))
        self._buffer.clear()
        self._end = -1
        return answer

    def _read_head(self) -> None:
        head_end = self._buffer.find(HEADER_END)
        if head_end < 0:
            return
        status_line, *lines = bytes(self._buffer[:head_end]).split(b"\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(b":") for line in lines)}
        try:
            length = int(headers[b"content-length"])
            self._status = int(status_line.split(b" ", 2)[1])
        except (KeyError, ValueError, IndexError):
            raise HttpError(f"not a response with Content-Length: {bytes(self._buffer[:head_end])!r}") from None
        self._body_at = head_end + len(HEADER_END)
        self._end = self._body_at + length


class Connection(asyncio.Protocol):
    """One connection with one request under way at a time."""

    def __init__(self) -> None:
        self._parser = ResponseParser()
        self._transport: asyncio.Transport | None = None
        self._answer: asyncio.Future[Answer] | None = None

    @classmethod
    async def open(cls, url: str) -> Self:
        """Connect to the host and port of *url*. Raises OSError."""
        parts = urlsplit(url)
        _, connection = await asyncio.get_running_loop().create_connection(cls, parts.hostname or "", parts.port or 80)
        return connection

    def ask(self, request: bytes) -> asyncio.Future[Answer]:
        """Send a request; the future has its response, or an HttpError or OSError."""
        self._answer = asyncio.get_running_loop().create_future()
        if self._transport is None or self._transport.is_closing():
            self._answer.set_exception(HttpError("the server has closed the connection"))
        else:
            self._transport.write(request)
        return self._answer

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        if self._answer is None or self._answer.done():
            return  # its asker is gone
        try:
            answer = self._parser.feed(data)
        except HttpError as error:
            self._answer.set_exception(error)
            return
        if answer is not None:
            self._answer.set_result(answer)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(exc or HttpError("the server closed the connection before it answered"))
