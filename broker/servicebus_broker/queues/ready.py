"""Messages that are available, lowest sequence number first."""

import heapq

from servicebus_broker.queues.message import Message


class ReadyMessages:
    """O(log n) to add and take; an abandoned message returns to its place."""

    def __init__(self) -> None:
        self._heap: list[int] = []
        self._messages: dict[int, Message] = {}

    def __len__(self) -> int:
        return len(self._messages)

    def add(self, message: Message) -> None:
        self._messages[message.sequence_number] = message
        heapq.heappush(self._heap, message.sequence_number)

    def discard(self, message: Message) -> None:
        """Remove a message, if it is here."""
        self._messages.pop(message.sequence_number, None)

    def take(self) -> Message | None:
        """The next message, or None."""
        while self._heap:
            message = self._messages.pop(heapq.heappop(self._heap), None)
            if message is not None:
                return message
        return None
