"""Reading the body of a request within bounds: of its size, and of all bodies together."""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from ondemand.host.errors import HostError

MAX_BODY_SETTING = "FUNCTIONS_REQUEST_BODY_SIZE_LIMIT"
"""The official host's setting for the size of one body, and its default."""
DEFAULT_MAX_BODY_BYTES = 100 * 1024 * 1024
MAX_TOTAL_BYTES = 256 * 1024 * 1024
"""Of all bodies that are being read or worked on."""

LINGER_S = 2.0


def max_body_bytes(environ: Mapping[str, str]) -> int:
    """Raises HostError."""
    text = environ.get(MAX_BODY_SETTING) or str(DEFAULT_MAX_BODY_BYTES)
    if not text.isdecimal() or int(text) == 0:
        raise HostError(f"{MAX_BODY_SETTING} is {text!r}, not a number of bytes")
    return int(text)


class BodyRefused(Exception):
    """The body is not taken; its status is the answer, and the connection is closed."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


class ClientGone(Exception):
    """The client closed the connection before its request was complete."""


class Bodies:
    """The bodies under way. How long one may take is the protocol's business (`ondemand.bounded_http`)."""

    def __init__(self, max_bytes: int, max_total: int = MAX_TOTAL_BYTES) -> None:
        self._max_bytes = max_bytes
        self._max_total = max(max_total, max_bytes)
        self._total = 0

    async def read(self, request: Request) -> bytes:
        """The body, which counts until it is released. Raises BodyRefused and ClientGone.

        A body in chunks is empty: the official host reads it only if Content-Length is above 0
        (azure-functions-host#4926).
        """
        declared = int(request.headers.get("content-length", "0"))
        if declared == 0:
            return b""
        if declared > self._max_bytes:
            raise BodyRefused(413, f"a body of {declared} bytes")
        chunks: list[bytes] = []
        size, more = 0, True
        try:
            while more:
                message = await request.receive()
                if message["type"] != "http.request":
                    raise ClientGone
                chunk = message["body"]
                chunks.append(chunk)
                size += len(chunk)
                self._total += len(chunk)
                more = message["more_body"]
                self._refuse_too_much()
        except BaseException:  # also a cancellation: nobody will release it
            self.release(size)
            raise
        return chunks[0] if len(chunks) == 1 else b"".join(chunks)

    def release(self, size: int) -> None:
        self._total -= size

    def _refuse_too_much(self) -> None:
        if self._total > self._max_total:
            raise BodyRefused(503, f"{self._total} bytes of bodies are under way")


class Refusal(Response):
    """An empty answer before the end of the request, which ends the connection.

    The rest is read and dropped for a while: to close with bytes unread resets the connection, and a client that still
    sends would not see the answer.
    """

    def __init__(self, status: int) -> None:
        again = {"Retry-After": "1"} if status == HTTPStatus.SERVICE_UNAVAILABLE else {}
        super().__init__(status_code=status, headers={"Connection": "close", **again})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        await send({"type": "http.response.body", "body": b"", "more_body": True})
        with suppress(TimeoutError):
            async with asyncio.timeout(LINGER_S):
                while (await receive()).get("more_body"):
                    pass
        await send({"type": "http.response.body", "body": b"", "more_body": False})
