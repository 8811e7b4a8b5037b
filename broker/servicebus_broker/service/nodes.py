"""The nodes at this side's end of links. A node handles the events of its link and never blocks."""

from __future__ import annotations

from collections import deque
from typing import Protocol

from servicebus_broker.amqp.errors import AmqpError, ResourceLimitError
from servicebus_broker.amqp.incoming import IncomingLink, MessageReceived
from servicebus_broker.amqp.outgoing import DeliverySettled, OutgoingLink
from servicebus_broker.amqp.performatives import Accepted, Error, Outcome
from servicebus_broker.amqp.sections import BATCH_FORMAT, read_sections, split_batch
from servicebus_broker.queues.errors import QueueError
from servicebus_broker.service.addresses import Address
from servicebus_broker.service.entity import Entity
from servicebus_broker.service.errors import error_of, rejection


class NodeOwner(Protocol):
    """What a node needs of its peer."""

    def touch(self) -> None:
        """Note that there may be bytes to send."""

    def drop(self, node: IncomingNode | OutgoingNode, error: Error) -> None:
        """End a node's link from this side."""

    def reply(self, request: IncomingLink, address: Address, response: bytes) -> None:
        """Send the answer to a request on the response link of the same session and address."""


class IncomingNode:
    """Takes messages that a peer sends."""

    def __init__(self, link: IncomingLink) -> None:
        self.link = link

    def on_message(self, event: MessageReceived) -> None:
        """Handle a message, and tell its sender the outcome."""
        try:
            self.handle(event)
            outcome: Outcome = Accepted()
        except (AmqpError, QueueError) as failure:
            outcome = rejection(failure)
        if not event.settled:
            self.link.settle(event.delivery_id, outcome)

    def handle(self, event: MessageReceived) -> None:
        """Raises AmqpError or QueueError for a message that is refused."""
        raise NotImplementedError

    def closed(self) -> None:
        """The link is gone."""


class OutgoingNode:
    """Sends messages to a peer."""

    def __init__(self, link: OutgoingLink, peer: NodeOwner) -> None:
        self.link = link
        self.peer = peer

    def drop(self, error: Error) -> None:
        """End the link from this side."""
        self.peer.drop(self, error)

    def on_credit(self) -> None:
        """The peer can take (more) messages."""
        raise NotImplementedError

    def on_settled(self, event: DeliverySettled) -> None:
        """The peer settled a message."""

    def closed(self) -> None:
        """The link is gone."""


class QueueSender(IncomingNode):
    """A client's sender: one message a transfer, or a batch of them."""

    def __init__(self, link: IncomingLink, entity: Entity) -> None:
        super().__init__(link)
        self._entity = entity
        self._queue = entity.queue

    def handle(self, event: MessageReceived) -> None:
        batch = split_batch(event.payload) if event.message_format == BATCH_FORMAT else [event.payload]
        limit = self.link.session.limits.max_batch_messages
        if len(batch) > limit:
            raise ResourceLimitError(f"A batch of {len(batch)} messages is larger than the maximum of {limit}.")
        self._entity.accessed()
        self._queue.send([read_sections(message) for message in batch])


class ResponseNode(OutgoingNode):
    """The reply half of a request-response pair; replies wait here for credit."""

    def __init__(self, link: OutgoingLink, peer: NodeOwner, address: Address) -> None:
        super().__init__(link, peer)
        self.address = address
        self._waiting: deque[bytes] = deque()
        self._waiting_bytes = 0
        self._sent = 0

    def reply(self, response: bytes) -> None:
        """Send an encoded message when the peer can take it."""
        limit = self.link.session.limits.max_waiting_replies
        if self._waiting_bytes > limit:
            failure = ResourceLimitError(f"More than {limit} bytes of replies wait for credit.")
            self.drop(error_of(failure))
            return
        self._waiting.append(response)
        self._waiting_bytes += len(response)
        self.on_credit()

    def on_credit(self) -> None:
        while self._waiting and self.link.can_send:
            self._sent += 1
            response = self._waiting.popleft()
            self._waiting_bytes -= len(response)
            self.link.send(self._sent.to_bytes(8, "big"), response)
            self.peer.touch()

    def on_settled(self, event: DeliverySettled) -> None:
        if not event.settled:
            self.link.confirm(event.delivery_id, event.outcome)
