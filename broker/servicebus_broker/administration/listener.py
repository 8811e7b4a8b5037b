"""HTTPS in the broker's event loop, by uvicorn without its signals and logs."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from pathlib import Path
from typing import Any

import uvicorn
from starlette.types import ASGIApp
from uvicorn.config import Config
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

MAX_CONNECTIONS = 100
KEEP_ALIVE = 60
"""Seconds that an idle connection stays open, and that the header of a request may take."""
_SHUTDOWN = 5


class HttpsListener:
    """Serves an application on one port. It handles no signals, logs no requests, and does nothing while idle."""

    def __init__(self, app: ASGIApp, identity: Path) -> None:
        """``identity`` is the file with the private key and the certificate."""
        config = uvicorn.Config(
            app,
            http=_BoundedProtocol,
            ws="none",
            lifespan="off",
            log_config=None,
            log_level="warning",
            access_log=False,
            server_header=False,
            date_header=False,
            timeout_keep_alive=KEEP_ALIVE,
            timeout_graceful_shutdown=_SHUTDOWN,
            ssl_certfile=identity,
        )
        self._server = _Server(config)
        self._serving: asyncio.Task[None] | None = None

    async def start(self, host: str, port: int) -> int:
        """Listen; returns the port, which matters for port 0. Raises OSError."""
        listening = socket.create_server((host, port))
        # asyncio sets it only on sockets that name their protocol; without it, each answer waits 40 ms for the client.
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._serving = asyncio.create_task(self._server.serve([listening]))
        await self._server.listening.wait()
        address: tuple[str, int] = listening.getsockname()
        return address[1]

    async def stop(self) -> None:
        """Answer the requests in progress, then close everything."""
        if self._serving is not None:
            self._server.stopping.set()
            await self._serving


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listening = asyncio.Event()
        self.stopping = asyncio.Event()

    def capture_signals(self) -> contextlib.AbstractContextManager[None]:  # type: ignore[override]  # uvicorn's is a generator
        return contextlib.nullcontext()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.listening.set()

    async def main_loop(self) -> None:
        # uvicorn polls ten times a second whether it should stop.
        await self.stopping.wait()


class _BoundedProtocol(H11Protocol):
    """Ends connections above the limit, idle ones first, and those whose request does not come, or not to its end."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],  # Any is the type in uvicorn
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._header_due: asyncio.TimerHandle | None = None
        self._made_at = 0.0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # uvicorn overrides it the same way
        super().connection_made(transport)
        self._made_at = self.loop.time()
        if len(self.connections) > MAX_CONNECTIONS:
            self._make_room()
        self._header_due = self.loop.call_later(KEEP_ALIVE, self.transport.abort)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        # uvicorn ends its time limit for idle connections with the first byte of a request.
        if not self.is_idle:
            self._cancel_header_timer()
        elif self._header_due is None:
            self._header_due = self.loop.call_later(KEEP_ALIVE, self.transport.abort)

    def _cancel_header_timer(self) -> None:
        if self._header_due is not None:
            self._header_due.cancel()
            self._header_due = None

    def _make_room(self) -> None:
        """End the oldest idle connection, or this one if none is idle.

        The asynchronous administration client takes a new connection for each request and leaves the last one idle.
        """
        others = [each for each in self.connections if isinstance(each, _BoundedProtocol) and each is not self]
        oldest = min((each for each in others if each.is_idle), key=lambda each: each._made_at, default=self)
        oldest.transport.abort()

    @property
    def is_idle(self) -> bool:
        return self.cycle is None or self.cycle.response_complete

    def connection_lost(self, exc: Exception | None) -> None:
        self._cancel_header_timer()
        super().connection_lost(exc)

    def shutdown(self) -> None:
        if self.is_idle and (self.transport.is_closing() or not self.transport.get_write_buffer_size()):
            # Such a client does not answer the TLS close, and no data is on its way to it.
            self.transport.abort()
        else:
            super().shutdown()
