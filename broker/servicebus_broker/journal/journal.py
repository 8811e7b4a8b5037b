"""The journal of a broker: the contents of its queues, and their definitions, in files of one folder.

**What survives.** Every answer to a client - that its message is accepted, completed, scheduled, deferred; a session's
state; a delivery - is written before it is sent, so it survives the end of the *process* at any moment. `Fsync` decides
what survives the end of the *machine*. After a kill, a locked message comes back with that delivery counted; after an
orderly stop, without. Locks and holders of sessions do not survive the process.

**When the disk is full.** The file always has `RESERVE` bytes set aside. When there is no more room, queues refuse new
messages, and use the reserve to deliver and settle the messages they hold. Each attempt looks for room again.

**When the disk fails.** After an error other than "full", and after any failed sync, nobody knows what is on the disk,
and a later successful sync does not tell. `write` and `sync` raise the error, and the broker ends.

**Damage** is described in `recovery`, the files in `files`, `frames` and `records`.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterable
from pathlib import Path

from servicebus_broker.journal.compaction import Compaction
from servicebus_broker.journal.entities import Entities
from servicebus_broker.journal.files import lock_folder
from servicebus_broker.journal.frames import JournalError
from servicebus_broker.journal.fsync import Fsync
from servicebus_broker.journal.records import Kind, RecordWriter, stopped_record
from servicebus_broker.journal.recovery import Recovered, recover
from servicebus_broker.journal.replay import Replay
from servicebus_broker.journal.segment import FULL, Segment
from servicebus_broker.queues.queue import Queue
from servicebus_broker.queues.recorder import NoRecorder
from servicebus_broker.queues.settings import QueueSettings

logger = logging.getLogger(__name__)

MIB = 1024 * 1024
RESERVE = 4 * MIB
MIN_COMPACTED_SIZE = 64 * MIB
_ROOM_AHEAD = 4 * MIB


class Journal:
    """Create the queues of `defined` and pass them to `restore`; from then on their changes gather in memory until
    `write`.

    It is the recorder of definitions too. `sync`, and a compaction's run, may be called in other threads; the rest may
    not.
    """

    def __init__(
        self,
        folder: Path,
        configured: Iterable[QueueSettings],
        clock: Callable[[], float],
        *,
        fsync: Fsync = Fsync.INTERVAL,
        compact_at: int = MIN_COMPACTED_SIZE,
    ) -> None:
        """``compact_at`` is a size in bytes. ``last_time`` is the latest running time that the journal knows of.

        Raises JournalError if another process uses the folder, or a file in it is no journal or cannot be used.
        """
        self.fsync = fsync
        self._folder = folder
        self._clock = clock
        self._min_compacted_size = self._compact_at = compact_at
        self._pending = bytearray()
        self._queues: dict[int, Queue] = {}
        self._is_full = False
        self._is_compacting = False
        self._lock = lock_folder(folder)
        try:
            recovered = recover(folder)
            self._segment = self._open(recovered)
        except BaseException as error:  # also after KeyboardInterrupt, the folder is unlocked
            os.close(self._lock)
            if isinstance(error, OSError):
                raise JournalError(f"The journal in {folder} cannot be used: {error}") from error
            raise
        self._older_size = recovered.size - recovered.end
        self._removed = recovered.replay.removed
        if recovered.is_damaged:
            # Compact at once, so that the damage is not kept, nor reported again.
            self._compact_at = 0
        self._replay = recovered.replay
        self.last_time = recovered.replay.last_time
        self._entities = Entities(recovered.replay.definitions, self)
        configured = list(configured)
        self._check_sessions(configured, recovered.replay)
        for number, name in self._entities.configure(configured).items():
            self._delete_if_empty(number, name, recovered.replay)
        if not self._segment.is_empty:
            self.emit(self._entities.records())
        self._set_room_aside()

    # Queues

    def defined(self) -> list[QueueSettings]:
        """The settings of all queues: configured ones as they are configured, and those created by administration."""
        return self._entities.settings()

    def restore(self, queues: Iterable[Queue]) -> None:
        """Fill new queues with their former contents, and record their changes from now on. Call it once.

        A dead-letter queue is included in its queue. Raises JournalError for a message that cannot be read.
        """
        for queue in queues:
            if queue.dead_letters is not None:
                self._record(queue, self._entities.number(queue.name))
        replay, self._replay = self._replay, Replay()
        for index, queue in self._queues.items():
            if index in replay.queues:
                queue.restore(replay.queues.pop(index).contents())

    def queue_created(self, queue: Queue) -> None:
        self._record(queue, self._entities.create(queue.settings))

    def queue_updated(self, queue: Queue) -> None:
        self._entities.update(queue.settings)

    def queue_deleted(self, queue: Queue) -> None:
        number = self._entities.number(queue.name)
        for index in (2 * number, 2 * number + 1):
            self._queues.pop(index).record_to(NoRecorder())
        self._entities.delete(queue.name)

    # Changes

    def emit(self, record: bytes) -> None:
        """Add a record to the next `write`."""
        self._pending += record
        self._removed += record[0] == Kind.REMOVED

    def has_room(self) -> bool:
        """Whether queues may accept new messages without using the reserve."""
        if self._is_full or self._segment.room < len(self._pending) + RESERVE:
            self._set_room_aside()
        return not self._is_full

    def _set_room_aside(self) -> None:
        needed = len(self._pending) + RESERVE
        is_full = not (self._segment.extend(needed + _ROOM_AHEAD) or self._segment.extend(needed))
        if is_full != self._is_full:
            self._is_full = is_full
            what = "the disk is full, new messages are refused" if is_full else "there is room on the disk again"
            logger.warning("%s: %s.", self._folder, what)

    @property
    def has_changes(self) -> bool:
        """Whether there are records to write."""
        return bool(self._pending)

    def write(self) -> None:
        """Write all changes to the file. Raises OSError; after an error of `FULL`, it can be called again."""
        if not self._pending:
            return
        if self._segment.is_empty:
            self._segment.append(self._entities.records())
        self._segment.append(self._pending)
        self._pending.clear()

    def sync(self) -> None:
        """Return once all written data is on the disk. Raises OSError, after which the journal cannot be used."""
        self._segment.sync()

    def close(self) -> None:
        """End in good order: locked messages do not count as delivered. Raises OSError."""
        try:
            self.emit(stopped_record())
            self.write()
            self._segment.trim()
            if self.fsync is not Fsync.NEVER:
                self.sync()
        finally:
            self.abandon()

    def abandon(self) -> None:
        """Release the folder as a kill does."""
        self._segment.close()
        os.close(self._lock)

    # Compaction

    def wants_compaction(self) -> bool:
        """Whether the files have grown enough; or the disk is full, and at least half of their content is obsolete."""
        if self._is_compacting:
            return False
        return self.size >= self._compact_at or (self._is_full and self._removed > self._live())

    def begin_compaction(self) -> Compaction | None:
        """Continue in a new file, and return the compaction to run in another thread; then call `end_compaction`.

        Not while a `sync` runs. None if there is no room even for a new file. Raises OSError.
        """
        former = self._segment
        room = former.room // 2 if self._is_full else RESERVE + _ROOM_AHEAD
        former.trim()
        self._removed = 0
        try:
            self._segment = Segment(self._folder, former.number + 1)
        except OSError as error:
            if error.errno not in FULL:
                raise
            former.extend(room)
            self._compact_at = max(self._compact_at, 2 * self.size)
            return None
        self._segment.extend(room)
        self._older_size += former.size
        self._is_compacting = True
        return Compaction(self._folder, former, self._clock)

    def end_compaction(self, size: int | None) -> None:
        """``size`` of the snapshot in bytes, or None if it failed and the former files stay."""
        self._is_compacting = False
        if size is not None:
            self._older_size = size
        self._compact_at = max(self._min_compacted_size, 2 * self.size)

    @property
    def size(self) -> int:
        """Bytes of all files that count."""
        return self._older_size + self._segment.size

    def _live(self) -> int:
        counts = [queue.counts() for queue in self._queues.values()]
        return sum(each.active + each.scheduled + each.transfer for each in counts)

    def _check_sessions(self, configured: Iterable[QueueSettings], replay: Replay) -> None:
        """Raises JournalError if messages in a queue could not be received any more as it is configured now."""
        for each in configured:
            before = self._entities.find(each.name)
            if before is None or before[1].requires_session == each.requires_session:
                continue
            messages = replay.messages(before[0])
            if messages:
                self.abandon()
                raise JournalError(
                    f"The queue '{each.name}' holds {messages} messages, and RequiresSession cannot change before it "
                    "is empty: receive them as before, or use another data folder."
                )

    def _delete_if_empty(self, number: int, name: str, replay: Replay) -> None:
        """Delete a queue that left the configuration, unless it holds messages: a typing error must not cost one."""
        messages = replay.messages(number)
        if messages:
            logger.warning(
                "The queue '%s' is no longer configured, but holds %d messages; it stays until a start without any.",
                name,
                messages,
            )
        else:
            self._entities.delete(name)
            replay.drop(number)

    def _open(self, recovered: Recovered) -> Segment:
        for path in recovered.files.dead:
            path.unlink()
        last = recovered.files.last
        return Segment(self._folder, last, recovered.end) if last else Segment(self._folder, 1)

    def _record(self, queue: Queue, number: int) -> None:
        for index, each in ((2 * number, queue), (2 * number + 1, queue.dead_letters)):
            if each is not None:
                self._queues[index] = each
                each.record_to(RecordWriter(self, index))
