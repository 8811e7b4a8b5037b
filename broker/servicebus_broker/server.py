"""The broker on a socket: asyncio gives bytes to the pure broker and writes what it answers."""

from __future__ import annotations

import asyncio
import logging
import time

from servicebus_broker.client import SHUTTING_DOWN, ClientProtocol, too_many_connections
from servicebus_broker.journal.commits import Commits
from servicebus_broker.journal.journal import Journal
from servicebus_broker.queues.settings import FOREVER
from servicebus_broker.service.broker import Broker
from servicebus_broker.service.peer import Peer

logger = logging.getLogger(__name__)

# A timer set for longer is set again when it fires; it keeps clear of overflow in the event loop.
_LONGEST_SLEEP = 3600.0

# Bytes for clients, and those who wait for the commit they belong to.
_Output = tuple[list[tuple[Peer, bytes]], list[asyncio.Future[None]]]


class Server:
    """Listens, and wakes the broker when something is due: one timer, and no work while nothing happens.

    With a journal, no client is told of a change before that is committed; meanwhile others are read and dispatched.
    """

    def __init__(self, broker: Broker, journal: Journal | None = None) -> None:
        self.broker = broker
        self.limits = broker.limits
        self._journal = journal
        self._commits: Commits | None = None
        self._waiting: list[asyncio.Future[None]] = []
        self._settling: asyncio.Handle | None = None
        self._clients: dict[Peer, ClientProtocol] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._timer_due = FOREVER
        self._server: asyncio.Server | None = None

    async def start(self, host: str, port: int) -> int:
        """Listen; returns the port, which matters where 0 was asked for."""
        loop = asyncio.get_running_loop()
        if self._journal is not None:
            self._commits = Commits(self._journal, self.settle_soon)
        self._server = await loop.create_server(lambda: ClientProtocol(self), host, port)
        address: tuple[str, int] = self._server.sockets[0].getsockname()
        self.settle_soon()
        return address[1]

    async def failure(self) -> None:
        """Wait for the disk to fail, for ever if it does not. Raises DiskFailedError; all that is left is to stop."""
        await asyncio.shield(self._commits.failed if self._commits is not None else asyncio.Future())

    async def stop(self) -> None:
        """Close the listener, the journal and every connection. Clients that were not told of a change are not told."""
        if self._server is not None:
            self._server.close()
        committed = await self._commits.finish() if self._commits is not None else True
        for peer, client in list(self._clients.items()):
            peer.connection.close(SHUTTING_DOWN)
            if committed:
                client.write(peer.connection.data_to_send())
            client.close()
        for handle in (self._timer, self._settling):
            if handle is not None:
                handle.cancel()
        if self._server is not None:
            await self._server.wait_closed()

    def add(self, client: ClientProtocol) -> Peer | None:
        """A client connected; one too many is told so and closed. None where many too many wait for that already."""
        limit = self.limits.max_connections
        if len(self._clients) >= 2 * limit:
            return None
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

    def settle(self) -> None:
        """Hand out what became available, commit all changes and then write what is due, set the timer."""
        if self._settling is not None:
            self._settling.cancel()
            self._settling = None
        self.broker.dispatch()
        if self._commits is None:
            self._write(self._take_output())
        elif not self._commits.is_busy:
            output = self._take_output()
            self._commits.commit(lambda: self._write(output))
        self._set_timer()

    async def committed(self) -> None:
        """Wait until all that has changed so far is committed."""
        waiting = asyncio.get_running_loop().create_future()
        self._waiting.append(waiting)
        self.settle_soon()
        await waiting

    def _take_output(self) -> _Output:
        touched = self.broker.take_touched()
        waiting, self._waiting = self._waiting, []
        return [(peer, peer.connection.data_to_send()) for peer in touched], waiting

    def _write(self, output: _Output) -> None:
        data_by_peer, waiting = output
        for peer, data in data_by_peer:
            client = self._clients.get(peer)
            if client is None:
                continue
            if data:
                client.write(data)
            if peer.connection.is_closed:
                client.close()
        for each in waiting:
            if not each.done():
                each.set_result(None)

    def _set_timer(self) -> None:
        # Most messages move the next deadline further away. The timer stays where it is then, and is set anew when it
        # goes off; to do so for every message would be a sixth of what the message costs.
        if self.broker.due >= self._timer_due:
            return
        due = self.broker.next_due()
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
