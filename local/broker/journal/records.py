"""Changes to queues as bytes.

A record is one byte for its kind, two for the queue (its place in the list of names that the journal's first record
is), and what the kind needs. Integers and floats are big-endian; times are seconds since the Unix epoch.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from enum import IntEnum
from struct import Struct

from local.broker.amqp.sections import read_sections, write_message
from local.broker.queues.contents import Contents
from local.broker.queues.message import Message, MessageState


class Kind(IntEnum):
    """The first byte of a record."""

    NAMES = 0
    STORED = 1
    CHANGED = 2
    REMOVED = 3
    NUMBERED = 4
    SEEN = 5
    SESSION_STATE = 6


_HEAD = Struct(">BH")
_NUMBER = Struct(">BHQ")
# number, enqueued at, expires at, state, delivery count, length of the dead letter's source and of the message
_STORED = Struct(">BHQddBIHI")
# number, state, delivery count, locked
_CHANGED = Struct(">BHQBI?")
# time, length of the id
_SEEN = Struct(">BHdI")
# lengths of id and state; -1 for no state
_SESSION_STATE = Struct(">BHIi")


class RecordWriter:
    """The recorder of one queue: gives each change, as a record, to ``emit``."""

    def __init__(self, emit: Callable[[bytes], None], queue: int) -> None:
        self._emit = emit
        self._queue = queue

    def has_room(self) -> bool:
        return True

    def stored(self, message: Message) -> None:
        source = (message.dead_letter_source or "").encode()
        data = write_message(message.sections, 0, message.sections.annotations)
        head = _STORED.pack(
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
        self._emit(head + source + data)

    def changed(self, number: int, state: MessageState, delivery_count: int, *, locked: bool) -> None:
        self._emit(_CHANGED.pack(Kind.CHANGED, self._queue, number, state, delivery_count, locked))

    def removed(self, number: int) -> None:
        self._emit(_NUMBER.pack(Kind.REMOVED, self._queue, number))

    def numbered(self, number: int) -> None:
        self._emit(_NUMBER.pack(Kind.NUMBERED, self._queue, number))

    def seen_at(self, message_id: str, at: float) -> None:
        data = message_id.encode()
        self._emit(_SEEN.pack(Kind.SEEN, self._queue, at, len(data)) + data)

    def session_state_set(self, session_id: str, state: bytes | None) -> None:
        data = session_id.encode()
        length = -1 if state is None else len(state)
        self._emit(_SESSION_STATE.pack(Kind.SESSION_STATE, self._queue, len(data), length) + data + (state or b""))


def names_record(names: Iterable[str]) -> bytes:
    """The record that says which queues the others mean."""
    return _HEAD.pack(Kind.NAMES, 0) + json.dumps(list(names)).encode()


def read_names(payload: bytes) -> list[str]:
    """The names in a `names_record`, which is alone in its payload."""
    names: list[str] = json.loads(payload[_HEAD.size :])
    return names


def apply_records(payload: bytes, contents: Mapping[int, Contents]) -> None:
    """Apply the records of a payload, in order, to the contents of the queues they belong to."""
    at = 0
    while at < len(payload):
        kind, queue = _HEAD.unpack_from(payload, at)
        at = _READERS[kind](payload, at, contents[queue])


def _stored(data: bytes, at: int, contents: Contents) -> int:
    _, _, number, enqueued_at, expires_at, state, count, source_length, length = _STORED.unpack_from(data, at)
    source_at = at + _STORED.size
    message_at = source_at + source_length
    end: int = message_at + length
    contents.stored(
        Message(
            read_sections(data[message_at:end]),
            number,
            enqueued_at,
            expires_at,
            MessageState(state),
            count,
            dead_letter_source=data[source_at:message_at].decode() or None,
        )
    )
    return end


def _changed(data: bytes, at: int, contents: Contents) -> int:
    _, _, number, state, count, locked = _CHANGED.unpack_from(data, at)
    contents.changed(number, MessageState(state), count, locked=locked)
    return at + _CHANGED.size


def _removed(data: bytes, at: int, contents: Contents) -> int:
    contents.removed(_NUMBER.unpack_from(data, at)[2])
    return at + _NUMBER.size


def _numbered(data: bytes, at: int, contents: Contents) -> int:
    contents.numbered(_NUMBER.unpack_from(data, at)[2])
    return at + _NUMBER.size


def _seen(data: bytes, at: int, contents: Contents) -> int:
    _, _, seen_at, length = _SEEN.unpack_from(data, at)
    id_at = at + _SEEN.size
    end: int = id_at + length
    contents.seen_at(data[id_at:end].decode(), seen_at)
    return end


def _session_state(data: bytes, at: int, contents: Contents) -> int:
    _, _, id_length, length = _SESSION_STATE.unpack_from(data, at)
    id_at = at + _SESSION_STATE.size
    state_at = id_at + id_length
    end: int = state_at + max(length, 0)
    contents.session_state_set(data[id_at:state_at].decode(), None if length < 0 else data[state_at:end])
    return end


_READERS: dict[int, Callable[[bytes, int, Contents], int]] = {
    Kind.STORED: _stored,
    Kind.CHANGED: _changed,
    Kind.REMOVED: _removed,
    Kind.NUMBERED: _numbered,
    Kind.SEEN: _seen,
    Kind.SESSION_STATE: _session_state,
}
