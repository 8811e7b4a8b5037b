"""The changes of a queue, as it reports them for persistence."""

from typing import Protocol

from servicebus_broker.queues.message import Message, MessageState


class Recorder(Protocol):
    """Is told of every change to one queue that has to survive its process, in the order of the changes."""

    def has_room(self) -> bool:
        """Whether there is room for new messages; asked before a queue takes one."""

    def stored(self, message: Message) -> None:
        """A message was added or changed; it is not locked."""

    def changed(self, number: int, state: MessageState, delivery_count: int, *, locked: bool) -> None:
        """A message was locked, unlocked or deferred."""

    def removed(self, number: int) -> None:
        """A message left the queue."""

    def numbered(self, number: int) -> None:
        """A sequence number was given to a message that was not stored."""

    def seen_at(self, message_id: str, at: float) -> None:
        """Duplicate detection saw a message id for the first time, at a running time."""

    def session_state_set(self, session_id: str, state: bytes | None) -> None:
        """A session state was set or removed."""


class NoRecorder:
    """Keeps nothing."""

    def has_room(self) -> bool:
        return True

    def stored(self, message: Message) -> None: ...

    def changed(self, number: int, state: MessageState, delivery_count: int, *, locked: bool) -> None: ...

    def removed(self, number: int) -> None: ...

    def numbered(self, number: int) -> None: ...

    def seen_at(self, message_id: str, at: float) -> None: ...

    def session_state_set(self, session_id: str, state: bytes | None) -> None: ...
