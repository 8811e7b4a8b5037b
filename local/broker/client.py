"""One client's transport: bytes in, bytes out, and what ends it."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, cast

from local.broker.service.peer import Peer

if TYPE_CHECKING:
    from local.broker.server import Server

logger = logging.getLogger(__name__)


class ClientProtocol(asyncio.Protocol):
    """One client's transport. Whatever goes wrong here costs this connection only."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._transport: asyncio.Transport | None = None
        self._peer: Peer | None = None
        self._heartbeat: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports do not derive from asyncio's, so there is no class to check for.
        self._transport = cast(asyncio.Transport, transport)
        self._peer = self._server.add(self)

    def data_received(self, data: bytes) -> None:
        if self._peer is None:
            return
        try:
            self._peer.receive_data(data)
        except Exception:
            logger.exception("A connection is closed because of an unexpected error.")
            self.close()
        self._server.settle_soon()
        if self._heartbeat is None and self._peer.connection.heartbeat_interval is not None:
            self._beat()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._heartbeat is not None:
            self._heartbeat.cancel()
        if self._peer is not None:
            peer, self._peer = self._peer, None
            self._server.remove(peer)

    def pause_writing(self) -> None:
        if self._peer is not None:
            self._peer.connection.paused = True

    def resume_writing(self) -> None:
        if self._peer is not None:
            self._peer.resume()
            self._server.settle_soon()

    def write(self, data: bytes) -> None:
        """Send bytes to the client."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)

    def close(self) -> None:
        """Close the transport once what was written is out."""
        if self._transport is not None:
            self._transport.close()

    def _beat(self) -> None:
        if self._peer is None or self._peer.connection.heartbeat_interval is None:
            return
        self._peer.connection.heartbeat()
        self._peer.touch()
        self._server.settle_soon()
        self._heartbeat = asyncio.get_running_loop().call_later(self._peer.connection.heartbeat_interval, self._beat)
