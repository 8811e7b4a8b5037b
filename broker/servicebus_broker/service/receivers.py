"""Clients' receivers: delivering messages to a link and settling them."""

from __future__ import annotations

from servicebus_broker.amqp.outgoing import DeliverySettled, OutgoingLink
from servicebus_broker.amqp.performatives import Accepted, Modified, Outcome, Rejected, Released
from servicebus_broker.queues.errors import QueueError
from servicebus_broker.queues.message import Message
from servicebus_broker.queues.queue import Queue
from servicebus_broker.service.encoding import encode_message
from servicebus_broker.service.entity import Entity
from servicebus_broker.service.errors import rejection
from servicebus_broker.service.nodes import NodeOwner, OutgoingNode

DEAD_LETTER_REASON = "DeadLetterReason"
DEAD_LETTER_DESCRIPTION = "DeadLetterErrorDescription"
_NO_TOKEN = bytes(16)


class ReceiverNode(OutgoingNode):
    """The common part of receivers with and without a session."""

    def __init__(self, link: OutgoingLink, peer: NodeOwner, entity: Entity) -> None:
        super().__init__(link, peer)
        self.entity = entity
        self.queue = entity.queue

    def send(self, message: Message) -> None:
        """Put a message on the link; its lock token is the delivery tag."""
        self.entity.accessed()
        self.link.send(message.lock.token if message.lock else _NO_TOKEN, encode_message(message, self.queue))
        self.peer.touch()

    def on_settled(self, event: DeliverySettled) -> None:
        try:
            settle(self.queue, event.delivery_tag, event.outcome)
            outcome = _echo(event.outcome)
        except QueueError as failure:
            outcome = rejection(failure)
        if not event.settled:
            self.link.confirm(event.delivery_id, outcome)


class QueueReceiver(ReceiverNode):
    """A receiver of a queue without sessions."""

    def on_credit(self) -> None:
        self.entity.join(self)

    def deliver(self) -> bool:
        """Deliver the next message, if the link can take it; returns whether it could take another."""
        if not self.link.can_send:
            return False
        message = self.queue.receive(delete=self.link.is_presettled)
        if message is not None:
            self.send(message)
        return self.link.can_send

    def closed(self) -> None:
        # Its messages stay locked until the locks expire, as in Service Bus.
        self.entity.leave(self)


def settle(queue: Queue, token: bytes, outcome: Outcome) -> None:
    """Apply an outcome with the meaning that it has in Service Bus. Raises MessageLockLostError."""
    match outcome:
        case Accepted():
            queue.complete(token)
        case Released():
            queue.release(token)
        case Modified():
            settle_again = queue.defer if outcome.undeliverable_here else queue.abandon
            settle_again(token, properties_to_modify(outcome.message_annotations))
        case Rejected():
            info = properties_to_modify(outcome.error.info if outcome.error else None)
            reason, description = info.pop(DEAD_LETTER_REASON, None), info.pop(DEAD_LETTER_DESCRIPTION, None)
            queue.dead_letter(token, _text(reason), _text(description), info)


def properties_to_modify(value: object) -> dict[str, object]:
    """The application properties of a settlement; empty if it has none."""
    return {str(key): each for key, each in value.items()} if isinstance(value, dict) else {}


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _echo(outcome: Outcome) -> Outcome:
    # Clients take a rejection with an error for "the dead-lettering was refused".
    return Rejected() if isinstance(outcome, Rejected) else outcome
