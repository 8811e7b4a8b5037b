"""Changes to queues as bytes.

A record is one byte for its kind, four for its subject, and the fields of the kind. An entity has the number of its
definition; the number of a queue is twice that, and its dead-letter queue's one more. Integers and floats are
big-endian; times are running times of the
clock, which go on in the next process.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum
from struct import Struct
from typing import Protocol

from servicebus_broker.amqp.sections import read_sections, write_message
from servicebus_broker.journal.definitions import Definition
from servicebus_broker.queues.message import Message, MessageState


class Kind(IntEnum):
    """The first byte of a record."""

    DEFINED = 1
    DELETED = 2
    STORED = 3
    CHANGED = 4
    REMOVED = 5
    NUMBERED = 6
    SEEN = 7
    SESSION_STATE = 8
    STOPPED = 9


HEAD = Struct(">BI")
# length of the definition
DEFINED = Struct(">BII")
NUMBER = Struct(">BIQ")
# number, enqueued at, expires at, state, delivery count, length of the dead letter's source and of the message
STORED = Struct(">BIQddBIHI")
# number, state, delivery count, locked
CHANGED = Struct(">BIQBI?")
# time, length of the id
SEEN = Struct(">BIdI")
# lengths of id and state; -1 for no state
SESSION_STATE = Struct(">BIIi")


class Sink(Protocol):
    """Takes records."""

    def emit(self, record: bytes) -> None:
        """Take a record, to be written together with those around it."""

    def has_room(self) -> bool:
        """Whether there is room for new messages."""


class RecordWriter:
    """The recorder of one queue: writes a record for each change."""

    def __init__(self, sink: Sink, queue: int) -> None:
        self._emit: Callable[[bytes], None] = sink.emit
        self.has_room: Callable[[], bool] = sink.has_room
        self._queue = queue

    def stored(self, message: Message) -> None:
        source = (message.dead_letter_source or "").encode()
        data = write_message(message.sections, 0, message.sections.annotations)
        head = STORED.pack(
            Kind.STORED,
            self._queue,
            message.sequence_number,
            message.enqueued_at,
            message.expires_at,
            message.state,
            message.delivery_count,
            len(source),
            len(data),
        )
        self._emit(b"".join((head, source, data)))

    def changed(self, number: int, state: MessageState, delivery_count: int, *, locked: bool) -> None:
        self._emit(CHANGED.pack(Kind.CHANGED, self._queue, number, state, delivery_count, locked))

    def removed(self, number: int) -> None:
        self._emit(NUMBER.pack(Kind.REMOVED, self._queue, number))

    def numbered(self, number: int) -> None:
        self._emit(NUMBER.pack(Kind.NUMBERED, self._queue, number))

    def seen_at(self, message_id: str, at: float) -> None:
        data = message_id.encode()
        self._emit(SEEN.pack(Kind.SEEN, self._queue, at, len(data)) + data)

    def session_state_set(self, session_id: str, state: bytes | None) -> None:
        data = session_id.encode()
        length = -1 if state is None else len(state)
        self._emit(SESSION_STATE.pack(Kind.SESSION_STATE, self._queue, len(data), length) + data + (state or b""))


def defined_record(entity: int, definition: Definition) -> bytes:
    """A queue was created, or its settings were changed."""
    data = definition.to_json()
    return DEFINED.pack(Kind.DEFINED, entity, len(data)) + data


def deleted_record(entity: int) -> bytes:
    """A queue and its dead-letter queue were deleted."""
    return HEAD.pack(Kind.DELETED, entity)


def stopped_record() -> bytes:
    """The broker ended in good order: all messages are unlocked, and no delivery failed by that."""
    return HEAD.pack(Kind.STOPPED, 0)


def read_message(record: bytes) -> Message:
    """The message of a record of kind STORED. Raises DecodeError."""
    _, _, number, enqueued_at, expires_at, state, count, source_length, length = STORED.unpack_from(record)
    message_at = STORED.size + source_length
    return Message(
        read_sections(record[message_at : message_at + length]),
        number,
        enqueued_at,
        expires_at,
        MessageState(state),
        count,
        dead_letter_source=record[STORED.size : message_at].decode() or None,
    )
