"""The broker on sockets: asyncio gives bytes to the pure broker and writes its answers."""

from __future__ import annotations

import asyncio
import logging
import ssl
from pathlib import Path

from servicebus_broker.client import SHUTTING_DOWN, ClientProtocol, too_many_connections
from servicebus_broker.journal.commits import Commits
from servicebus_broker.journal.journal import Journal
from servicebus_broker.queues.settings import FOREVER
from servicebus_broker.service.broker import Broker
from servicebus_broker.service.peer import Peer
from servicebus_broker.tls import FirstByteProtocol

logger = logging.getLogger(__name__)

# A longer timer is set again when it fires; this avoids an overflow in the event loop.
_LONGEST_SLEEP = 3600.0

# Bytes for clients, and the futures that wait for the same commit.
_Output = tuple[list[tuple[Peer, bytes]], list[asyncio.Future[None]]]


class Server:
    """Listens, and advances the broker when something is due: one timer, and no work while nothing happens.

    With a journal, no client is told of a change before it is committed; meanwhile other clients are read and
    dispatched.
    """

    def __init__(self, broker: Broker, journal: Journal | None = None) -> None:
        self.broker = broker
        self.limits = broker.limits
        self._journal = journal
        self._commits: Commits | None = None
        self._waiting: list[asyncio.Future[None]] = []
        self._finishing: asyncio.Handle | None = None
        self._clients: dict[Peer, ClientProtocol] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._timer_due = FOREVER
        self._server: asyncio.Server | None = None
        self._tls: ssl.SSLContext | None = None

    async def start(self, host: str, port: int) -> int:
        """Listen; returns the port, which matters for port 0."""
        loop = asyncio.get_running_loop()
        if self._journal is not None:
            self._commits = Commits(self._journal, self.finish_turn_soon)
        self._server = await loop.create_server(self._new_connection, host, port)
        address: tuple[str, int] = self._server.sockets[0].getsockname()
        self.finish_turn_soon()
        return address[1]

    def _new_connection(self) -> FirstByteProtocol:
        return FirstByteProtocol(ClientProtocol(self), self._tls)

    def offer_tls(self, identity: Path) -> None:
        """Let new clients speak TLS; ``identity`` is the file with the private key and the certificate."""
        self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._tls.load_cert_chain(identity)

    async def failure(self) -> None:
        """Wait for the disk to fail, for ever if it does not. Raises DiskFailedError; then the server can only stop."""
        await asyncio.shield(self._commits.failed if self._commits is not None else asyncio.Future())

    async def stop(self) -> None:
        """Close the listener, the journal and every connection. Answers to uncommitted changes are not sent."""
        if self._server is not None:
            self._server.close()
        committed = await self._commits.finish() if self._commits is not None else True
        for peer, client in list(self._clients.items()):
            peer.connection.close(SHUTTING_DOWN)
            if committed:
                client.write(peer.connection.data_to_send())
            client.close()
        for handle in (self._timer, self._finishing):
            if handle is not None:
                handle.cancel()
        if self._server is not None:
            await self._server.wait_closed()

    def add(self, client: ClientProtocol) -> Peer | None:
        """Connect a client; one above the limit is told so and closed. None if too many of those wait already.

        Clients that know the key come before those that have not proved it.
        """
        limit = self.limits.max_connections
        if len(self._clients) >= limit:
            self._end_oldest_stranger()
        if len(self._clients) >= 2 * limit:
            return None
        peer = self.broker.connect(too_many_connections(limit) if len(self._clients) >= limit else None)
        self._clients[peer] = client
        return peer

    def _end_oldest_stranger(self) -> None:
        for peer, client in self._clients.items():
            if not peer.is_authorized:
                client.abort()
                return

    def remove(self, peer: Peer) -> None:
        """A client is gone."""
        self._clients.pop(peer, None)
        peer.connection_lost()
        self.finish_turn_soon()

    def finish_turn_soon(self) -> None:
        """After any event: `finish_turn`, once for all events of this turn of the event loop."""
        if self._finishing is None:
            self._finishing = asyncio.get_running_loop().call_soon(self.finish_turn)

    def finish_turn(self) -> None:
        """Deliver available messages, commit all changes and then write the output, set the timer."""
        if self._finishing is not None:
            self._finishing.cancel()
            self._finishing = None
        self.broker.dispatch()
        if self._commits is None:
            self._write(self._take_output())
        elif not self._commits.is_busy:
            output = self._take_output()
            self._commits.commit(lambda: self._write(output))
        self._set_timer()

    async def committed(self) -> None:
        """Wait until all changes so far are committed."""
        waiting = asyncio.get_running_loop().create_future()
        self._waiting.append(waiting)
        self.finish_turn_soon()
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
        # Most messages move the next deadline further away. Then the timer stays as it is and is set again when it
        # fires; setting it for every message would be a sixth of the cost of a message.
        if self.broker.due >= self._timer_due:
            return
        due = self.broker.next_due()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._timer_due = due
        if due != FOREVER:
            delay = min(max(0.0, due - self.broker.clock()), _LONGEST_SLEEP)
            self._timer = asyncio.get_running_loop().call_later(delay, self._on_timer)

    def _on_timer(self) -> None:
        self._timer = None
        self._timer_due = FOREVER
        self.broker.advance()
        self.finish_turn()
