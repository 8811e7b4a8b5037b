"""The result of the records of a journal.

Messages are not decoded here: their records stay in the files. So a journal of mostly settled messages is read fast,
and compacting one takes no memory for its messages. The state of each message is kept in plain numbers, which the
garbage collector does not traverse: with many objects, one collection takes longer than a client should wait.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from operator import itemgetter

from servicebus_broker.amqp.errors import DecodeError
from servicebus_broker.journal.definitions import Definition
from servicebus_broker.journal.frames import JournalError, Span
from servicebus_broker.journal.records import (
    CHANGED,
    DEFINED,
    HEAD,
    NUMBER,
    SEEN,
    SESSION_STATE,
    STORED,
    Kind,
    RecordWriter,
    Sink,
    defined_record,
    read_message,
)
from servicebus_broker.queues.contents import Contents
from servicebus_broker.queues.message import MessageState


class Sources:
    """The files that places in records refer to."""

    def __init__(self) -> None:
        self._files: list[memoryview] = []

    def add(self, file: memoryview) -> None:
        """Places refer to this file from now on."""
        self._files.append(file)

    def place(self, start: int, end: int) -> int:
        """The place of bytes in the last file."""
        return (len(self._files) - 1) << 96 | start << 48 | end

    def read(self, place: int) -> bytes:
        return bytes(self._files[place >> 96][place >> 48 & _OFFSET : place & _OFFSET])


_OFFSET = (1 << 48) - 1


@dataclass(slots=True)
class QueueReplay:
    """One queue.

    ``stored`` are the places of whole records; ``changed`` are state, count and lock, if they changed since. The places
    of session states do not include their ids.
    """

    sources: Sources
    last_sequence_number: int = 0
    stored: dict[int, int] = field(default_factory=dict)
    changed: dict[int, int] = field(default_factory=dict)
    session_states: dict[str, int] = field(default_factory=dict)
    seen: dict[str, float] = field(default_factory=dict)

    def contents(self) -> Contents:
        """The queue's contents, decoded. Raises JournalError."""
        read = self.sources.read
        try:
            messages = {number: read_message(read(place)) for number, place in self.stored.items()}
        except (DecodeError, ValueError, struct.error) as error:
            raise JournalError(f"A message in the journal cannot be read: {error}") from error
        contents = Contents(self.last_sequence_number, messages)
        for number, change in self.changed.items():
            messages[number].state, messages[number].delivery_count, locked = _unpack(change)
            if locked:
                contents.locked.add(number)
        contents.session_states = {name: read(place) for name, place in self.session_states.items()}
        contents.seen = dict(sorted(self.seen.items(), key=itemgetter(1)))
        return contents

    def unlock(self) -> None:
        """Unlock all messages, without counting that as a delivery."""
        for number, change in self.changed.items():
            state, count, _ = _unpack(change)
            self.changed[number] = _pack(state, count, locked=False)

    def write_records(self, sink: Sink, queue: int, seen_since: float) -> Iterator[None]:
        """Write the records that lead from an empty queue to this one, in small steps."""
        writer = RecordWriter(sink, queue)
        for number, place in self.stored.items():
            sink.emit(self.sources.read(place))
            if number in self.changed:
                state, count, locked = _unpack(self.changed[number])
                writer.changed(number, state, count, locked=locked)
            yield
        for session_id, place in self.session_states.items():
            writer.session_state_set(session_id, self.sources.read(place))
            yield
        for message_id, at in self.seen.items():
            if at > seen_since:
                writer.seen_at(message_id, at)
                yield
        writer.numbered(self.last_sequence_number)


class Replay:
    """Apply the content of files, oldest first; the result is the state of the queues at the last write.

    ``removed`` counts messages; ``last_time`` is the latest time at which one was sent. Where files are damaged,
    records may refer to something unknown: these are counted in ``orphans``, and ignored.
    """

    def __init__(self) -> None:
        self.definitions: dict[int, Definition] = {}
        self.queues: dict[int, QueueReplay] = {}
        self.sources = Sources()
        self.orphans = 0
        self.removed = 0
        self.last_time = 0.0

    def apply(self, file: memoryview, frame: Span) -> None:
        """Apply the payload of a frame of the last file in ``sources``. Raises JournalError."""
        at, end = frame
        try:
            while at < end:
                at = _READERS[file[at]](self, file, at)
        except (struct.error, ValueError, KeyError) as error:
            raise JournalError(f"The journal has a record that cannot be read: {error!r}") from error
        if at != end:
            raise JournalError("The journal has a record that is longer than its frame.")

    def write_records(self, sink: Sink, now: float) -> Iterator[None]:
        """Write the records that lead from nothing to this state, in small steps, without expired ids."""
        for entity, definition in self.definitions.items():
            sink.emit(defined_record(entity, definition))
            seen_since = now - definition.settings.duplicate_detection_window
            for queue in _queues_of(entity):
                yield from self.queues[queue].write_records(sink, queue, seen_since)

    def messages(self, entity: int) -> int:
        """The number of messages in a queue and its dead-letter queue."""
        return sum(len(self.queues[queue].stored) for queue in _queues_of(entity) if queue in self.queues)

    def drop(self, entity: int) -> None:
        """Forget a queue with its dead-letter queue."""
        self.definitions.pop(entity, None)
        for queue in _queues_of(entity):
            self.queues.pop(queue, None)

    def _queue(self, queue: int) -> QueueReplay:
        found = self.queues.get(queue)
        if found is None:
            self.orphans += 1
            return QueueReplay(self.sources)
        return found

    def _defined(self, data: memoryview, at: int) -> int:
        _, entity, length = DEFINED.unpack_from(data, at)
        at += DEFINED.size
        self.definitions[entity] = Definition.from_json(bytes(data[at : at + length]))
        for queue in _queues_of(entity):
            self.queues.setdefault(queue, QueueReplay(self.sources))
        return at + int(length)

    def _deleted(self, data: memoryview, at: int) -> int:
        self.drop(HEAD.unpack_from(data, at)[1])
        return at + HEAD.size

    def _stored(self, data: memoryview, at: int) -> int:
        _, index, number, enqueued_at, _, _, _, source_length, length = STORED.unpack_from(data, at)
        self.last_time = max(self.last_time, enqueued_at)
        end: int = at + STORED.size + source_length + length
        queue = self._queue(index)
        queue.stored[number] = self.sources.place(at, end)
        queue.changed.pop(number, None)
        queue.last_sequence_number = max(queue.last_sequence_number, number)
        return end

    def _changed(self, data: memoryview, at: int) -> int:
        _, index, number, state, count, locked = CHANGED.unpack_from(data, at)
        queue = self._queue(index)
        if number in queue.stored:
            queue.changed[number] = _pack(state, count, locked=locked)
        else:
            self.orphans += 1
        return at + CHANGED.size

    def _removed(self, data: memoryview, at: int) -> int:
        _, index, number = NUMBER.unpack_from(data, at)
        queue = self._queue(index)
        if queue.stored.pop(number, None) is None:
            self.orphans += 1
        self.removed += 1
        queue.changed.pop(number, None)
        return at + NUMBER.size

    def _numbered(self, data: memoryview, at: int) -> int:
        _, index, number = NUMBER.unpack_from(data, at)
        queue = self._queue(index)
        queue.last_sequence_number = max(queue.last_sequence_number, number)
        return at + NUMBER.size

    def _seen(self, data: memoryview, at: int) -> int:
        _, index, seen_at, length = SEEN.unpack_from(data, at)
        self.last_time = max(self.last_time, seen_at)
        at += SEEN.size
        self._queue(index).seen[bytes(data[at : at + length]).decode()] = seen_at
        return at + int(length)

    def _session_state(self, data: memoryview, at: int) -> int:
        _, index, id_length, length = SESSION_STATE.unpack_from(data, at)
        at += SESSION_STATE.size
        end: int = at + id_length + max(length, 0)
        states = self._queue(index).session_states
        session_id = bytes(data[at : at + id_length]).decode()
        if length < 0:
            states.pop(session_id, None)
        else:
            states[session_id] = self.sources.place(at + id_length, end)
        return end

    def _stopped(self, data: memoryview, at: int) -> int:
        for queue in self.queues.values():
            queue.unlock()
        return at + HEAD.size


def _pack(state: int, count: int, *, locked: bool) -> int:
    return count << 9 | state << 1 | locked


def _unpack(change: int) -> tuple[MessageState, int, bool]:
    return MessageState(change >> 1 & 0xFF), change >> 9, bool(change & 1)


def _queues_of(entity: int) -> tuple[int, int]:
    return 2 * entity, 2 * entity + 1


_READERS: dict[int, Callable[[Replay, memoryview, int], int]] = {
    Kind.DEFINED: Replay._defined,
    Kind.DELETED: Replay._deleted,
    Kind.STORED: Replay._stored,
    Kind.CHANGED: Replay._changed,
    Kind.REMOVED: Replay._removed,
    Kind.NUMBERED: Replay._numbered,
    Kind.SEEN: Replay._seen,
    Kind.SESSION_STATE: Replay._session_state,
    Kind.STOPPED: Replay._stopped,
}
