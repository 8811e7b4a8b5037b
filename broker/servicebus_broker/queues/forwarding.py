"""Auto-forwarding (learn.microsoft.com, "Chaining Service Bus entities with autoforwarding")."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from servicebus_broker.queues.admission import check
from servicebus_broker.queues.books import Books
from servicebus_broker.queues.errors import QueueError
from servicebus_broker.queues.message import Message

if TYPE_CHECKING:
    from servicebus_broker.queues.queue import Queue

MAX_HOPS = 4
RETRY_AFTER = 1.0
TOO_MANY_HOPS = "MaxTransferHopCountExceeded"
REFUSED = "TransferRefused"


class Forwarding:
    """Moves what is ready in a queue, in order, to the one that its settings name and ``find`` knows.

    While that one is missing, full or takes nothing, messages stay where they are and are tried again every second;
    Service Bus moves them to a transfer dead-letter queue in the end, which does not exist here. A message that was
    forwarded too often, or that the other queue would not take from a sender either, is dead-lettered where it is.
    """

    def __init__(self, books: Books, find: Callable[[str], Queue | None]) -> None:
        self._books = books
        self._find = find

    def run(self, now: float) -> None:
        """Forward what can be."""
        books = self._books
        name = books.settings.forward_to
        if name is None:
            return
        target = self._find(name)
        staying = []
        while target is not None and (message := books.ready.take()) is not None:
            if not target.has_room_for(message):
                staying.append(message)
                break
            if not self._forward(message, target):
                staying.append(message)
        for message in staying:
            books.ready.add(message)
        if books.ready:
            books.transfer_at(now + RETRY_AFTER)

    def _forward(self, message: Message, target: Queue) -> bool:
        """Whether the message has left."""
        books = self._books
        refusal = _refusal(message, target)
        if refusal is None:
            books.remove(message)
            message.become_forwarded()
            target.take_over(message)
        elif books.dead_letters is not None:
            books.move_to_dead_letters(message, *refusal)
        return refusal is None or books.dead_letters is not None


def _refusal(message: Message, target: Queue) -> tuple[str, str] | None:
    if message.hops >= MAX_HOPS:
        return TOO_MANY_HOPS, f"The message was forwarded {MAX_HOPS} times, which is the most that is allowed."
    try:
        check(message, target.settings)
    except QueueError as refusal:
        return REFUSED, refusal.description
    return None
