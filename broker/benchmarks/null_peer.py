"""An AMQP server without queues: it accepts every message and has an endless supply of them.

The rate of the SDK against it is the SDK's ceiling. It shares only the AMQP engine with the broker.
"""

from __future__ import annotations

import asyncio
import itertools
import signal
from typing import cast

from servicebus_broker import lifetime
from servicebus_broker.addresses import connection_string
from servicebus_broker.amqp.connection import Connection
from servicebus_broker.amqp.events import Event, LinkRequested
from servicebus_broker.amqp.incoming import MessageReceived
from servicebus_broker.amqp.outgoing import CreditChanged, DeliverySettled, OutgoingLink
from servicebus_broker.amqp.performatives import Accepted
from servicebus_broker.amqp.sections import Sections, read_sections, write_message, write_response
from servicebus_broker.amqp.values import Int
from servicebus_broker.limits import Limits
from servicebus_broker.run import loop_factory

HOST = "127.0.0.1"
BODY = b"\x00\x53\x75\xb0\x00\x00\x04\x00" + b"x" * 1024
CBS = "$cbs"
NO_LIMIT = 2**40


class NullPeer(asyncio.Protocol):
    """One connection."""

    _tags = itertools.count(1)

    def __init__(self) -> None:
        self._connection = Connection("null", Limits(max_output=NO_LIMIT, frames_per_turn=NO_LIMIT))
        self._message = write_message(Sections(body=BODY), 0, {})
        self._replies: OutgoingLink | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's do not derive from asyncio's

    def data_received(self, data: bytes) -> None:
        self._connection.receive_data(data)
        for event in self._connection.events():
            self._handle(event)
        self._transport.write(self._connection.data_to_send())
        if self._connection.is_closed:
            self._transport.close()

    def _handle(self, event: Event) -> None:
        match event:
            case LinkRequested(link):
                if isinstance(link, OutgoingLink) and link.source.address == CBS:
                    self._replies = link
                link.accept()
            case MessageReceived(link):
                if link.address == CBS:
                    self._accept_token(event)
                link.settle(event.delivery_id, Accepted())
            case CreditChanged(link) if link is not self._replies:
                while link.can_send:
                    link.send(next(self._tags).to_bytes(16, "little"), self._message)
            case DeliverySettled(link) if not event.settled:
                link.confirm(event.delivery_id, event.outcome)

    def _accept_token(self, event: MessageReceived) -> None:
        if self._replies is not None:
            properties: dict[object, object] = {"status-code": Int(202), "status-description": "Accepted"}
            response = write_response(read_sections(event.payload).message_id, properties, None)
            self._replies.send(next(self._tags).to_bytes(16, "little"), response)


async def serve() -> None:
    """Serve until SIGTERM."""
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    server = await loop.create_server(NullPeer, HOST, 0)
    port = server.sockets[0].getsockname()[1]
    lifetime.announce_ready(connection_string=connection_string(HOST, port, "unchecked"))
    await stop.wait()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        runner.run(serve())
