"""What the records of a journal add up to.

Messages are not decoded here: their records stay where they are in the files. So a journal of mostly settled messages
is read fast, and compacting one takes no memory for the messages in it.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from operator import itemgetter

from local.broker.amqp.errors import DecodeError
from local.broker.journal.definitions import Definition
from local.broker.journal.frames import JournalError
from local.broker.journal.records import (
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
from local.broker.queues.contents import Contents
from local.broker.queues.message import MessageState


@dataclass(slots=True)
class QueueReplay:
    """One queue. ``stored`` are whole records, ``changed`` state, delivery count and lock where they differ since."""

    last_sequence_number: int = 0
    stored: dict[int, memoryview] = field(default_factory=dict)
    changed: dict[int, tuple[int, int, bool]] = field(default_factory=dict)
    session_states: dict[str, memoryview] = field(default_factory=dict)
    seen: dict[str, float] = field(default_factory=dict)

    def contents(self) -> Contents:
        """The queue's contents, decoded. Raises JournalError."""
        try:
            messages = {number: read_message(bytes(record)) for number, record in self.stored.items()}
        except (DecodeError, ValueError, struct.error) as error:
            raise JournalError(f"A message in the journal cannot be read: {error}") from error
        contents = Contents(self.last_sequence_number, messages)
        for number, (state, count, locked) in self.changed.items():
            messages[number].state = MessageState(state)
            messages[number].delivery_count = count
            if locked:
                contents.locked.add(number)
        contents.session_states = {name: bytes(state) for name, state in self.session_states.items()}
        contents.seen = dict(sorted(self.seen.items(), key=itemgetter(1)))
        return contents

    def unlock(self) -> None:
        """Nobody holds a message any more, and that does not count as a delivery."""
        for number, (state, count, _) in self.changed.items():
            self.changed[number] = (state, count, False)

    def tell(self, sink: Sink, queue: int, seen_since: float) -> Iterator[None]:
        """The records that lead here from an empty queue, in small steps."""
        writer = RecordWriter(sink, queue)
        for number, record in self.stored.items():
            sink.emit(bytes(record))
            if number in self.changed:
                state, count, locked = self.changed[number]
                writer.changed(number, MessageState(state), count, locked=locked)
            yield
        for session_id, data in self.session_states.items():
            writer.session_state_set(session_id, bytes(data))
            yield
        for message_id, at in self.seen.items():
            if at > seen_since:
                writer.seen_at(message_id, at)
                yield
        writer.numbered(self.last_sequence_number)


class Replay:
    """Apply what files hold, oldest first; then it is what the queues were when the last of it was written.

    ``removed`` counts messages. Where files are damaged, records may be about something unknown: these are counted in
    ``orphans``, and left out.
    """

    def __init__(self) -> None:
        self.definitions: dict[int, Definition] = {}
        self.queues: dict[int, QueueReplay] = {}
        self.orphans = 0
        self.removed = 0

    def apply(self, records: memoryview) -> None:
        """Apply the payload of a frame. Raises JournalError."""
        at = 0
        try:
            while at < len(records):
                at = _READERS[records[at]](self, records, at)
        except (struct.error, ValueError, KeyError) as error:
            raise JournalError(f"The journal has a record that cannot be read: {error!r}") from error
        if at != len(records):
            raise JournalError("The journal has a record that is longer than what was written.")

    def tell(self, sink: Sink, now: float) -> Iterator[None]:
        """The records that lead here from nothing, in small steps; without ids that are forgotten by ``now``."""
        for entity, definition in self.definitions.items():
            sink.emit(defined_record(entity, definition))
            seen_since = now - definition.settings.duplicate_detection_window
            for queue in _queues_of(entity):
                yield from self.queues[queue].tell(sink, queue, seen_since)

    def drop(self, entity: int) -> int:
        """Forget a queue with its dead-letter queue; returns how many messages went."""
        self.definitions.pop(entity, None)
        gone = [self.queues.pop(queue, None) for queue in _queues_of(entity)]
        return sum(len(each.stored) for each in gone if each)

    def _queue(self, queue: int) -> QueueReplay:
        found = self.queues.get(queue)
        if found is None:
            self.orphans += 1
            return QueueReplay()
        return found

    def _defined(self, data: memoryview, at: int) -> int:
        _, entity, length = DEFINED.unpack_from(data, at)
        at += DEFINED.size
        self.definitions[entity] = Definition.from_json(bytes(data[at : at + length]))
        for queue in _queues_of(entity):
            self.queues.setdefault(queue, QueueReplay())
        return at + int(length)

    def _deleted(self, data: memoryview, at: int) -> int:
        self.drop(HEAD.unpack_from(data, at)[1])
        return at + HEAD.size

    def _stored(self, data: memoryview, at: int) -> int:
        _, index, number, _, _, _, _, source_length, length = STORED.unpack_from(data, at)
        end: int = at + STORED.size + source_length + length
        queue = self._queue(index)
        queue.stored[number] = data[at:end]
        queue.changed.pop(number, None)
        queue.last_sequence_number = max(queue.last_sequence_number, number)
        return end

    def _changed(self, data: memoryview, at: int) -> int:
        _, index, number, state, count, locked = CHANGED.unpack_from(data, at)
        queue = self._queue(index)
        if number in queue.stored:
            queue.changed[number] = (state, count, locked)
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
            states[session_id] = data[at + id_length : end]
        return end

    def _stopped(self, data: memoryview, at: int) -> int:
        for queue in self.queues.values():
            queue.unlock()
        return at + HEAD.size


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
