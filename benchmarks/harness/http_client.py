"""A raw keep-alive HTTP/1.1 client that costs little, because it shares the cores with what it measures.

Why not wrk, hey or oha: none both sends at a constant rate and keeps every answer to be checked, and none is to be had
without root everywhere. httpx and aiohttp cost several times as much a request as this.
"""

import asyncio
from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple, Self, cast
from urllib.parse import urlsplit

import httptools


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
    """Joins received bytes into a response."""

    def __init__(self) -> None:
        self._parser = httptools.HttpResponseParser(self)
        self._pieces: list[bytes] = []
        self._answer: Answer | None = None

    def feed(self, data: bytes) -> Answer | None:
        """Take what was received; return the response once it is complete. Raises HttpError."""
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            raise HttpError(f"not one response: {data[:200]!r}") from error
        answer, self._answer = self._answer, None
        return answer

    def on_message_begin(self) -> None:
        if self._answer is not None:
            raise HttpError("more than one response to one request")

    def on_body(self, body: bytes) -> None:
        self._pieces.append(body)

    def on_message_complete(self) -> None:
        self._answer = Answer(self._parser.get_status_code(), b"".join(self._pieces))
        self._pieces.clear()


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
