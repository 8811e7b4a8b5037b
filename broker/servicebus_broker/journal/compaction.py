"""Replaces files by a snapshot of their result.

It reads and writes only files that no longer grow; the queues work meanwhile. The former files count until the snapshot
has its name, and then the snapshot counts, so it may be interrupted at any moment.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from pathlib import Path
from threading import Event

from servicebus_broker.journal.files import (
    create,
    forget,
    journal_name,
    list_files,
    map_file,
    snapshot_name,
    sync_folder,
    unfinished,
    write_at,
)
from servicebus_broker.journal.frames import MAGIC, frame, read_frames
from servicebus_broker.journal.replay import Replay
from servicebus_broker.journal.segment import Segment

_CHUNK = 64 * 1024
_RECORDS_A_STEP = 500
# The interpreter runs one thread at a time: pauses as long as the steps leave half of the time to the event loop.
_PAUSE = 0.001


class Compaction:
    """Turns the files before a segment into the snapshot that goes with it."""

    def __init__(self, folder: Path, last: Segment, clock: Callable[[], float]) -> None:
        """``last`` is the newest file of the snapshot. Nothing is added to it any more; it is closed here."""
        self._folder = folder
        self._last = last
        self._clock = clock
        self._interrupted = Event()

    def interrupt(self) -> None:
        """Ask it to end soon; from any thread."""
        self._interrupted.set()

    def run(self) -> int | None:
        """Do all steps, in a thread of its own; returns the snapshot's size, None if interrupted.

        Raises OSError and JournalError.
        """
        with closing(self.steps()) as steps:
            for _ in steps:
                if self._interrupted.wait(_PAUSE):
                    return None
        return (self._folder / snapshot_name(self._last.number + 1)).stat().st_size

    def steps(self) -> Generator[None, None, None]:
        """Do it in steps of about a millisecond, apart from waits for the disk."""
        try:
            self._last.sync()
        finally:
            self._last.close()
        yield
        path = self._folder / snapshot_name(self._last.number + 1)
        aside = unfinished(path)
        try:
            yield from self._write(path.name, aside)
            aside.replace(path)
        except BaseException:  # also after KeyboardInterrupt, no partial file stays
            aside.unlink(missing_ok=True)
            raise
        sync_folder(self._folder)
        yield
        for each in list_files(self._folder).dead:
            each.unlink()
            yield

    def _write(self, name: str, aside: Path) -> Iterator[None]:
        replay = Replay()
        yield from self._read(replay)
        file = create(aside)
        try:
            snapshot = _SnapshotWriter(file, name)
            for count, _ in enumerate(replay.write_records(snapshot, self._clock())):
                if count % _RECORDS_A_STEP == 0:
                    yield
            snapshot.flush()
            os.fsync(file)
        finally:
            os.close(file)
        yield

    def _read(self, replay: Replay) -> Iterator[None]:
        following = journal_name(self._last.number + 1)
        for path in list_files(self._folder).live:
            if path.name == following:
                return
            data = map_file(path)
            replay.sources.add(data)
            read = 0
            for payload in read_frames(data, path.name, []):
                replay.apply(data, payload)
                read += payload.end - payload.start
                if read >= _CHUNK:
                    read = 0
                    yield
            forget(data)


class _SnapshotWriter:
    """Gathers records into frames."""

    def __init__(self, file: int, name: str) -> None:
        self._file = file
        self._name = name
        self._size = len(MAGIC)
        self._pending = bytearray()

    def emit(self, record: bytes) -> None:
        self._pending += record
        if len(self._pending) >= _CHUNK:
            self.flush()

    def has_room(self) -> bool:
        return True

    def flush(self) -> None:
        if self._pending:
            data = frame(self._pending, self._name, self._size)
            write_at(self._file, data, self._size)
            self._size += len(data)
            self._pending.clear()
