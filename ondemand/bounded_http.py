"""uvicorn's HTTP protocol with the bounds that it has no setting for: on heads, time and connections.

They stand for what Kestrel does in the official host.
"""

import asyncio
import logging
import resource
import sys
from typing import Any

import httptools
from uvicorn._types import ASGI3Application
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

HEAD_TIMEOUT_S = 10.0
"""For the whole head of a request, and for a connection that sends nothing."""
BODY_GRACE_S, BODY_BYTES_PER_S = 5.0, 240
"""A body has as much time as Kestrel gives it: the grace, and then a second for each 240 bytes."""
BODY_PAUSE_S = 30.0
"""Beyond Kestrel: the longest silence within a body. 15 MB that came at once would earn 17 hours."""
DROP_TIMEOUT_S = 5.0
"""For the rest of a body behind its answer, as in Kestrel."""
MAX_HEAD_BYTES = 64 * 1024
MAX_CONNECTIONS = 4096
SPARE_CONNECTIONS = 128
"""Beyond `MAX_CONNECTIONS`, for probes; one more is closed at once."""
FEWEST_CONNECTIONS = 16
OTHER_FILES = 256
"""File descriptors for all but connections of clients."""
_TOO_LARGE = b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
_TIMEOUT = b"HTTP/1.1 408 Request Timeout\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
KESTREL_PHRASES = {
    413: "Payload Too Large",
    414: "URI Too Long",
    416: "Range Not Satisfiable",
    422: "Unprocessable Entity",
}
"""uvicorn takes those of Python, which 3.13 has changed."""
STATUS_LINE.update({status: f"HTTP/1.1 {status} {phrase}\r\n".encode() for status, phrase in KESTREL_PHRASES.items()})
logger = logging.getLogger(__name__)


def max_connections() -> int:
    """`MAX_CONNECTIONS`, or as many as the process may have files; that limit is raised as far as it goes."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MAX_CONNECTIONS + SPARE_CONNECTIONS + OTHER_FILES
    allowed = wanted if most == resource.RLIM_INFINITY else min(wanted, most)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(allowed, resource.getrlimit(resource.RLIMIT_NOFILE)[0]), most))
    return max(allowed - SPARE_CONNECTIONS - OTHER_FILES, FEWEST_CONNECTIONS)


class BoundedProtocol(HttpToolsProtocol):
    """One connection. A request that is complete when its first bytes are costs no timer."""

    max_connections = MAX_CONNECTIONS
    reads_chunks = True
    """Whether the app reads bodies in chunks."""

    def __init__(self, *args: Any, **options: Any) -> None:  # Any: passed on as uvicorn gives them
        super().__init__(*args, **options)
        self._in_head = False
        self._pending = 0
        """Bytes since the last that were of use: of a head or a trailer that has no end yet."""
        self._deadline: float | None = None
        """When what is awaited from the client must be here; None while nothing is."""
        self._timer: asyncio.TimerHandle | None = None
        self._data = b""
        self._is_told = False
        """Whether the parser reads a head that the request has had already."""
        self._running: RequestResponseCycle | None = None
        self._is_over = False
        """Whether nothing more is read: something was wrong behind requests that still have to be answered."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        super().connection_made(transport)
        if len(self.connections) > self.max_connections + SPARE_CONNECTIONS:
            transport.abort()
        self._await_more(HEAD_TIMEOUT_S)
        self._check()

    def connection_lost(self, exc: Exception | None) -> None:
        self._deadline = None
        if self._running is not None and not self._running.response_complete:
            # uvicorn tells the last of several requests on one connection, and the running one may be before it.
            self._running.disconnected = True
            self._running.message_event.set()
        super().connection_lost(exc)

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        self._running = cycle
        super()._start_asgi_task(cycle, app)

    def data_received(self, data: bytes) -> None:
        if self._is_over:
            return
        self._pending += len(data)
        self._data = data
        super().data_received(data)
        if self._pending > MAX_HEAD_BYTES:
            self._refuse(_TOO_LARGE)
        if self._timer is None and self._deadline is not None:
            self._check()

    def _unsupported_upgrade_warning(self) -> None:
        """Go on with HTTP/1.1 where a client offers another protocol, as Java's HttpClient offers HTTP/2.

        httptools 0.9 takes such a request for one without a body, which is then lost, and the rest of the data too. A
        new parser reads them by what the head says of the body.
        """
        upgrade = sys.exc_info()[1]
        rest = self._data[upgrade.args[0] :] if isinstance(upgrade, httptools.HttpParserUpgrade) else b""
        body = [b"%b: %b\r\n" % each for each in self.headers if each[0] in (b"content-length", b"transfer-encoding")]
        self.parser = httptools.HttpRequestParser(self)
        self._is_told = True
        self.parser.feed_data(b"".join((b"POST / HTTP/1.1\r\n", *body, b"\r\n")))
        self._is_told = False
        if rest:
            self._data = rest
            super().data_received(rest)

    def on_url(self, url: bytes) -> None:
        if not self._is_told:
            super().on_url(url)

    def on_message_begin(self) -> None:
        if self._is_told:
            return
        super().on_message_begin()
        self._in_head = True
        self._await_more(HEAD_TIMEOUT_S)

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._in_head and not self._is_told:  # else it is a trailer of a body, which nobody reads
            super().on_header(name, value.rstrip(b" \t"))  # httptools 0.9 strips the left side only

    def on_headers_complete(self) -> None:
        if self._is_told:
            return
        self._in_head, self._pending = False, 0
        self._await_more(BODY_GRACE_S)
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._pending = 0
        if self._deadline is not None and not self.cycle.response_complete:
            earned = self._deadline + len(body) / BODY_BYTES_PER_S
            self._deadline = min(earned, self.loop.time() + BODY_PAUSE_S)
        super().on_body(body)

    def on_message_complete(self) -> None:
        if self.parser.should_upgrade():  # its body is still to come
            return
        self._pending, self._deadline = 0, None
        super().on_message_complete()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self.cycle.more_body:  # an answer before the end of the request: its rest is dropped, but not for ever
            self._await_more(DROP_TIMEOUT_S)
        if self._timer is None and self._deadline is not None:
            self._check()

    def send_400_response(self, msg: str) -> None:
        if not self._ends_behind_answers():
            super().send_400_response(msg)

    def _await_more(self, seconds: float) -> None:
        self._deadline = self.loop.time() + seconds

    def _check(self) -> None:
        """End the connection if the deadline has passed, else look again then."""
        self._timer = None
        if self._deadline is None or self.pipeline or self._is_unread():
            return  # behind requests that wait for their answers nothing is read
        if self.loop.time() >= self._deadline:
            logger.info("a client was cut: the rest of its request did not come in time")
            self._refuse(b"" if self._is_answered() else _TIMEOUT)
        else:
            self._timer = self.loop.call_at(self._deadline, self._check)

    def _is_unread(self) -> bool:
        """Whether a body in chunks is on its way to an app that reads none: nobody waits for it."""
        if self.reads_chunks or self.cycle is None or self.cycle.response_complete:
            return False
        return any(name == b"transfer-encoding" for name, _ in self.headers)

    def _is_answered(self) -> bool:
        """Whether the client is behind with a request that has its answer."""
        return self.cycle is not None and self.cycle.response_complete and self.cycle.more_body

    def _refuse(self, answer: bytes) -> None:
        if self.transport.is_closing() or self._ends_behind_answers():
            return
        self._deadline = None
        self.transport.write(answer)
        self.transport.close()

    def _ends_behind_answers(self) -> bool:
        """Read no more and end the connection after the answers to complete requests, if there are any to come.

        What was wrong behind them gets none: a client would take it for the first answer that it awaits.
        """
        if self.pipeline and self.pipeline[0][0].more_body:
            self.pipeline.popleft()
        last = self.pipeline[0][0] if self.pipeline else self._running
        if last is None or last.response_complete or last.more_body:
            return False
        last.keep_alive = False
        self._is_over, self._deadline = True, None
        return True
