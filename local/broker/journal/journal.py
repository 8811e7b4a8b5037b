"""The journal of a broker: one file in one folder."""

from __future__ import annotations

import fcntl
import logging
import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from local.broker.journal.frames import MAGIC, JournalError, frame, read_frames
from local.broker.journal.records import RecordWriter, apply_records, names_record, read_names
from local.broker.queues.contents import Contents
from local.broker.queues.queue import Queue

logger = logging.getLogger(__name__)

MIN_COMPACTED_SIZE = 64 * 1024 * 1024
_CHUNK = 1024 * 1024


class Journal:
    """Restores queues from a folder, and keeps there what changes in them from then on.

    Changes gather in memory until `commit` writes them: what a client is told has to wait for that. They survive the
    process, but not the machine: the operating system is not asked to put them on the disk.
    """

    def __init__(self, folder: Path, queues: Iterable[Queue], *, compact_at: int = MIN_COMPACTED_SIZE) -> None:
        """Raises JournalError if another process uses the folder, or the file in it is no journal."""
        folder.mkdir(parents=True, exist_ok=True)
        self._lock = _lock(folder / "lock")
        self._path = folder / "journal"
        self._queues = {queue.name: queue for queue in queues}
        self._min_compacted_size = self._compact_at = compact_at
        self._size = 0
        self._pending = bytearray()
        self._file = -1
        if self._path.exists():
            self._restore()
        self._compact()
        for index, queue in enumerate(self._queues.values()):
            queue.record_to(RecordWriter(self._pending.extend, index))

    def commit(self) -> None:
        """Write what has changed. Raises OSError; then nothing is written, and it can be called again."""
        if not self._pending:
            return
        data = frame(self._pending)
        try:
            _write(self._file, data)
        except OSError:
            os.ftruncate(self._file, self._size)
            raise
        self._pending.clear()
        self._size += len(data)
        if self._size >= self._compact_at:
            self._try_to_compact()

    def close(self) -> None:
        """Let go of the folder. What was not committed is lost."""
        os.close(self._file)
        os.close(self._lock)

    def _restore(self) -> None:
        for name, contents in _replay(self._path).items():
            queue = self._queues.get(name)
            if queue is not None:
                queue.restore(contents)
            elif contents.messages:
                logger.warning(
                    "The queue '%s' is no longer configured; %d messages go with it.", name, len(contents.messages)
                )

    def _try_to_compact(self) -> None:
        try:
            self._compact()
        except OSError:
            logger.exception("The journal stays as it is: it could not be compacted.")
            self._compact_at = 2 * self._size

    def _compact(self) -> None:
        # Written aside and renamed, so that there is a whole journal at every moment.
        aside = self._path.with_suffix(".new")
        file = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o600)
        try:
            _write_contents(file, self._queues)
            os.fsync(file)
            aside.replace(self._path)
        except BaseException:
            os.close(file)
            raise
        if self._file >= 0:
            os.close(self._file)
        self._file = file
        self._size = os.fstat(file).st_size
        self._compact_at = max(self._min_compacted_size, 2 * self._size)


def _replay(path: Path) -> dict[str, Contents]:
    frames = read_frames(path)
    names = next(frames, None)
    if names is None:
        raise JournalError(f"{path} is damaged where it begins.")
    queues = {name: Contents() for name in read_names(names)}
    by_index = dict(enumerate(queues.values()))
    for payload in frames:
        apply_records(payload, by_index)
    return queues


def _write_contents(file: int, queues: Mapping[str, Queue]) -> None:
    chunk = bytearray()

    def emit(record: bytes) -> None:
        chunk.extend(record)
        if len(chunk) >= _CHUNK:
            flush()

    def flush() -> None:
        _write(file, frame(chunk))
        chunk.clear()

    _write(file, MAGIC + frame(names_record(queues)))
    for index, queue in enumerate(queues.values()):
        queue.contents().tell(RecordWriter(emit, index))
    flush()


def _write(file: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(file, rest) :]


def _lock(path: Path) -> int:
    file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(file)
        raise JournalError(f"Another process uses {path.parent}.") from error
    return file
