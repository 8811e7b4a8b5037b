"""The broker on a socket: asyncio gives bytes to the pure broker and writes what it answers."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable

from local.broker.client import SHUTTING_DOWN, ClientProtocol, too_many_connections
from local.broker.queues.settings import FOREVER
from local.broker.service.broker import Broker
from local.broker.service.peer import Peer

logger = logging.getLogger(__name__)

# A timer set for longer is set again when it fires; it keeps clear of overflow in the event loop.
_LONGEST_SLEEP = 3600.0
_COMMIT_RETRY = 1.0


class Server:
    """Listens, and wakes the broker when something is due: one timer, and no work while nothing happens.

    ``commit`` makes what changed in the queues durable, or raises OSError; no client is told of a change before that.
    """

    def __init__(self, broker: Broker, commit: Callable[[], None] = lambda: None) -> None:
        self.broker = broker
        self._commit = commit
        self._settling: asyncio.Handle | None = None
        self._clients: dict[Peer, ClientProtocol] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._timer_due = FOREVER
        self._server: asyncio.Server | None = None

    async def start(self, host: str, port: int) -> int:
        """Listen; returns the port, which matters where 0 was asked for."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: ClientProtocol(self), host, port)
        address: tuple[str, int] = self._server.sockets[0].getsockname()
        return address[1]

    async def stop(self) -> None:
        """Close the listener and every connection."""
        if self._server is not None:
            self._server.close()
        committed = self.settle()
        for peer, client in list(self._clients.items()):
            peer.connection.close(SHUTTING_DOWN)
            if committed:
                client.write(peer.connection.data_to_send())
            client.close()
        if self._timer is not None:
            self._timer.cancel()
        if self._server is not None:
            await self._server.wait_closed()

    def add(self, client: ClientProtocol) -> Peer:
        """A client connected; one too many is told so and closed."""
        limit = self.broker.limits.max_connections
        peer = self.broker.connect(too_many_connections(limit) if len(self._clients) >= limit else None)
        self._clients[peer] = client
        return peer

    def remove(self, peer: Peer) -> None:
        """A client is gone."""
        self._clients.pop(peer, None)
        peer.connection_lost()
        self.settle_soon()

    def settle_soon(self) -> None:
        """After any event: `settle`, once for all events of this turn of the event loop."""
        if self._settling is None:
            self._settling = asyncio.get_running_loop().call_soon(self.settle)

    def settle(self) -> bool:
        """Hand out what became available, commit all changes, write what is due, set the timer.

        Returns whether the commit succeeded; if not, nothing was written, and it is tried again soon.
        """
        if self._settling is not None:
            self._settling.cancel()
            self._settling = None
        self.broker.dispatch()
        try:
            self._commit()
        except OSError:
            logger.exception("Nothing is sent to any client until the journal can be written.")
            self._settling = asyncio.get_running_loop().call_later(_COMMIT_RETRY, self.settle)
            return False
        for peer in self.broker.take_touched():
            client = self._clients.get(peer)
            if client is None:
                continue
            data = peer.connection.data_to_send()
            if data:
                client.write(data)
            if peer.connection.is_closed:
                client.close()
        self._set_timer()
        return True

    def _set_timer(self) -> None:
        due = self.broker.next_due()
        if due == self._timer_due:
            return
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._timer_due = due
        if due != FOREVER:
            delay = min(max(0.0, due - time.time()), _LONGEST_SLEEP)
            self._timer = asyncio.get_running_loop().call_later(delay, self._on_timer)

    def _on_timer(self) -> None:
        self._timer = None
        self._timer_due = FOREVER
        self.broker.advance()
        self.settle()
