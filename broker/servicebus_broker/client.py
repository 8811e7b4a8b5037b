"""One client's transport: it reads and writes bytes, and ends on errors and silence."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Protocol, cast

from servicebus_broker.amqp.performatives import Error
from servicebus_broker.flood import FloodFilter
from servicebus_broker.limits import Limits
from servicebus_broker.service.peer import Peer

logger = logging.getLogger(__name__)
# Every client can cause log lines.
logger.addFilter(FloodFilter())

SHUTTING_DOWN = Error("amqp:connection:forced", "The broker is shutting down.")


def too_many_connections(limit: int) -> Error:
    """The error for a client above the limit."""
    return Error("amqp:resource-limit-exceeded", f"The maximum of {limit} concurrent connections has been reached.")


class Owner(Protocol):
    """What a client's transport needs of the server."""

    @property
    def limits(self) -> Limits: ...

    def add(self, client: ClientProtocol) -> Peer | None:
        """A client connected; None if it has to be closed at once."""

    def remove(self, peer: Peer) -> None:
        """A client is gone."""

    def finish_turn_soon(self) -> None:
        """Dispatch, commit and write, once for all events of this turn of the event loop."""


class ClientProtocol(asyncio.Protocol):
    """One client's transport. An error here ends this connection only."""

    def __init__(self, server: Owner) -> None:
        self._server = server
        self._loop = asyncio.get_running_loop()
        self._limits = server.limits
        self._transport: asyncio.Transport | None = None
        self._peer: Peer | None = None
        self._name = "?"
        self._connected_at = self._last_input_at = self._loop.time()
        self._timers: dict[str, asyncio.Handle] = {}
        self._reading = True

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports do not derive from asyncio's, so isinstance does not work.
        self._transport = cast(asyncio.Transport, transport)
        self._name = "{}:{}".format(*transport.get_extra_info("peername", ("?", "?"))[:2])
        self._peer = self._server.add(self)
        if self._peer is None:
            self._transport.abort()
        self._check_silence()

    def secure(self, transport: asyncio.Transport) -> None:
        """Write to this transport from now on, which encrypts."""
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._last_input_at = self._loop.time()
        if self._peer is not None:
            self._peer.connection.receive_data(data)
            self._handle_input()

    def connection_lost(self, exc: Exception | None) -> None:
        for timer in self._timers.values():
            timer.cancel()
        if self._peer is not None:
            peer, self._peer = self._peer, None
            self._server.remove(peer)

    def abort(self) -> None:
        """End this client at once."""
        if self._transport is not None:
            self._transport.abort()
        # The event loop calls it too, but only after the caller needs the room.
        self.connection_lost(None)

    def pause_writing(self) -> None:
        if self._peer is not None:
            self._peer.connection.paused = True

    def resume_writing(self) -> None:
        if self._peer is not None:
            self._resume(self._peer)

    def write(self, data: bytes) -> None:
        """Send bytes to the client."""
        if self._transport is None or self._transport.is_closing():
            return
        self._transport.write(data)
        if len(data) >= self._limits.max_output and self._peer is not None and not self._peer.connection.paused:
            self._resume(self._peer)

    def close(self) -> None:
        """Close the transport once the written data is out, or the client has had its time to read it."""
        if self._transport is None or self._transport.is_closing():
            return
        fault = self._peer.connection.fault if self._peer is not None else None
        if fault is not None:
            logger.warning("%s is disconnected: %s: %s", self._name, fault.condition, fault.description)
        self._transport.close()
        self._call_later("linger", self._limits.close_timeout, self._transport.abort)

    def _handle_input(self) -> None:
        """Handle as many frames as one turn of the event loop allows."""
        if self._peer is None:
            return
        try:
            self._peer.handle_input()
        except Exception:  # an error of this broker with one client ends that client only
            logger.exception("%s is disconnected because of an unexpected error.", self._name)
            self.close()
        self._server.finish_turn_soon()
        if self._peer.refused_token is not None:
            logger.warning("%s put a token that is refused: %s", self._name, self._peer.refused_token)
            self._peer.refused_token = None
        connection = self._peer.connection
        self._read(not connection.has_more)
        if connection.has_more and not connection.is_backed_up:
            self._timers["turn"] = self._loop.call_soon(self._handle_input)
        if connection.heartbeat_interval is not None and "heartbeat" not in self._timers:
            self._send_heartbeat()

    def _resume(self, peer: Peer) -> None:
        """The client has read: deliver to it, and handle the frames that it sent meanwhile."""
        peer.resume()
        self._server.finish_turn_soon()
        if peer.connection.has_more:
            self._timers["turn"] = self._loop.call_soon(self._handle_input)

    def _read(self, reading: bool) -> None:
        if reading == self._reading or self._transport is None or self._transport.is_closing():
            return
        self._reading = reading
        if reading:
            self._transport.resume_reading()
        else:
            self._transport.pause_reading()

    def _check_silence(self) -> None:
        """End a client that does not open its connection, or that was silent for too long."""
        if self._peer is None or self._peer.connection.is_closed:
            return
        is_open = self._peer.connection.is_open and self._peer.is_authorized
        deadline = (
            self._last_input_at + self._limits.idle_timeout
            if is_open
            else self._connected_at + self._limits.handshake_timeout
        )
        remaining = deadline - self._loop.time()
        if remaining > 0:
            # It may open meanwhile; then the other limit counts.
            self._call_later("watch", min(remaining, self._limits.idle_timeout), self._check_silence)
            return
        what = "was silent" if is_open else "did not open its connection, or put no token on it,"
        limit = self._limits.idle_timeout if is_open else self._limits.handshake_timeout
        logger.warning("%s is disconnected: it %s for %g seconds", self._name, what, limit)
        description = f"The connection was inactive for more than the allowed {limit:g} seconds."
        self._peer.close(Error("amqp:connection:forced", description))
        self._server.finish_turn_soon()

    def _send_heartbeat(self) -> None:
        if self._peer is None or self._peer.connection.heartbeat_interval is None:
            return
        self._peer.connection.heartbeat()
        self._peer.touch()
        self._server.finish_turn_soon()
        self._call_later("heartbeat", self._peer.connection.heartbeat_interval, self._send_heartbeat)

    def _call_later(self, name: str, delay: float, callback: Callable[[], object]) -> None:
        self._timers[name] = self._loop.call_later(delay, callback)
