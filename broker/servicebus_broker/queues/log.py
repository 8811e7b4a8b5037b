"""The messages of a queue in the order of their sequence numbers."""

from bisect import bisect_left, insort
from collections.abc import Iterator, Mapping
from dataclasses import replace

from servicebus_broker.queues.errors import MessageNotFoundError
from servicebus_broker.queues.message import Message, MessageState
from servicebus_broker.queues.recorder import NoRecorder, Recorder
from servicebus_broker.queues.storage import Storage


class MessageLog:
    """O(1) to append, find and remove; O(log n) to start reading anywhere. Its recorder is told of every change."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self.recorder: Recorder = NoRecorder()
        self.last_sequence_number = 0
        self._messages: dict[int, Message] = {}
        self._order: list[int] = []

    def __len__(self) -> int:
        return len(self._messages)

    def __iter__(self) -> Iterator[Message]:
        return self.from_sequence_number(0)

    def next_sequence_number(self) -> int:
        """A number that no message has had."""
        self.last_sequence_number += 1
        return self.last_sequence_number

    def get(self, sequence_number: int) -> Message | None:
        return self._messages.get(sequence_number)

    def find(self, sequence_number: int, state: MessageState) -> Message:
        """A message that is in this state and not locked. Raises MessageNotFoundError."""
        message = self._messages.get(sequence_number)
        if message is None or message.state is not state or message.lock is not None:
            raise MessageNotFoundError(f"No {state.name.lower()} message has the sequence number {sequence_number}.")
        return message

    def add(self, message: Message) -> None:
        """Add a message; one with the highest number yet, as nearly all have, costs nothing to order."""
        self.restore(message)
        self.recorder.stored(message)

    def restore(self, message: Message) -> None:
        """Add a message that is already recorded."""
        number = message.sequence_number
        self._messages[number] = message
        self._storage.used += message.size
        if not self._order or number > self._order[-1]:
            self._order.append(number)
        else:
            insort(self._order, number)
        self.last_sequence_number = max(self.last_sequence_number, number)

    def remove(self, message: Message) -> None:
        del self._messages[message.sequence_number]
        self._storage.used -= message.size
        if len(self._order) > 2 * len(self._messages) + 64:
            self._order = [number for number in self._order if number in self._messages]
        self.recorder.removed(message.sequence_number)

    def set_properties(self, message: Message, properties: Mapping[str, object]) -> None:
        """Change the application properties of a message; `changed` has to follow."""
        self._storage.used -= message.size
        message.set_properties(properties)
        self._storage.used += message.size
        self.recorder.stored(message)

    def changed(self, message: Message) -> None:
        """Record that a message was locked, unlocked or deferred."""
        self.recorder.changed(
            message.sequence_number, message.state, message.delivery_count, locked=message.lock is not None
        )

    def contents(self) -> tuple[dict[int, Message], set[int]]:
        """Copies of all messages without their locks, by number, and the numbers of those that are locked."""
        locked = {number for number, message in self._messages.items() if message.lock is not None}
        return {message.sequence_number: replace(message, lock=None) for message in self}, locked

    def from_sequence_number(self, first: int) -> Iterator[Message]:
        """The messages from a sequence number on. Do not add or remove while reading."""
        for at in range(bisect_left(self._order, first), len(self._order)):
            message = self._messages.get(self._order[at])
            if message is not None:
                yield message
