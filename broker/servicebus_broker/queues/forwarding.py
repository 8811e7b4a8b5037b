"""Auto-forwarding (learn.microsoft.com, "Chaining Service Bus entities with autoforwarding")."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from servicebus_broker.queues.admission import check
from servicebus_broker.queues.errors import QueueError
from servicebus_broker.queues.message import Message
from servicebus_broker.queues.placement import Placement
from servicebus_broker.queues.settings import QueueSettings

MAX_HOPS = 4
RETRY_AFTER = 1.0
TOO_MANY_HOPS = "MaxTransferHopCountExceeded"
REFUSED = "TransferRefused"


class Target(Protocol):
    """The queue that messages are forwarded to."""

    @property
    def settings(self) -> QueueSettings: ...

    def has_room_for(self, message: Message) -> bool:
        """Whether `take_over` may be called."""

    def take_over(self, message: Message) -> None:
        """Add a message that another queue forwards."""


class Forwarding:
    """Moves the ready messages of a queue, in order, to the queue that its settings name.

    While that queue is missing, full or closed for sending, messages stay and are tried again every second; Service Bus
    moves them to a transfer dead-letter queue in the end, which does not exist here. A message that was forwarded too
    often, or that the target would refuse from a sender too, is dead-lettered in its present queue.
    """

    def __init__(self, placement: Placement, find: Callable[[str], Target | None]) -> None:
        self._placement = placement
        self._find = find

    def run(self, now: float) -> None:
        """Forward all messages that can be forwarded."""
        placement = self._placement
        name = placement.settings.forward_to
        if name is None:
            return
        target = self._find(name)
        staying = []
        while target is not None and (message := placement.ready.take()) is not None:
            if not target.has_room_for(message):
                staying.append(message)
                break
            if not self._forward(message, target):
                staying.append(message)
        for message in staying:
            placement.ready.add(message)
        if placement.ready:
            placement.transfer_at(now + RETRY_AFTER)

    def _forward(self, message: Message, target: Target) -> bool:
        """Forward or dead-letter a message; returns whether it has left the queue."""
        placement = self._placement
        refusal = _refusal(message, target)
        if refusal is None:
            placement.remove(message)
            message.become_forwarded()
            target.take_over(message)
        elif placement.dead_letters is not None:
            placement.move_to_dead_letters(message, *refusal)
        return refusal is None or placement.dead_letters is not None


def _refusal(message: Message, target: Target) -> tuple[str, str] | None:
    if message.hops >= MAX_HOPS:
        return TOO_MANY_HOPS, f"The message was forwarded {MAX_HOPS} times, which is the most that is allowed."
    try:
        check(message, target.settings)
    except QueueError as refusal:
        return REFUSED, refusal.description
    return None
