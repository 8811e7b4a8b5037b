"""The files of a journal's folder.

``journal-00000007`` holds the changes since ``snapshot-00000007`` and before ``journal-00000008``, if that exists. Only
the newest snapshot and the journals from its number on count; at first there is no snapshot.
"""

from __future__ import annotations

import fcntl
import mmap
import os
import re
from dataclasses import dataclass
from pathlib import Path

from servicebus_broker.journal.frames import MAGIC, JournalError

_NAME = re.compile(r"(journal|snapshot)-(\d{8})")
_UNFINISHED = "snapshot-*.new"
_FORMER = "journal"


@dataclass(frozen=True, slots=True)
class Files:
    """The files that count (``live``), in their order, and leftovers of an interrupted compaction (``dead``)."""

    live: list[Path]
    dead: list[Path]
    last: int


def journal_name(number: int) -> str:
    return f"journal-{number:08}"


def snapshot_name(number: int) -> str:
    return f"snapshot-{number:08}"


def unfinished(path: Path) -> Path:
    """The name of a file while it is being written."""
    return path.with_suffix(".new")


def list_files(folder: Path) -> Files:
    """Raises JournalError if a file is missing."""
    if (folder / _FORMER).exists():
        raise JournalError(
            f"{folder / _FORMER} was written by an earlier version of the broker, and this one cannot read it. "
            "Receive its messages with that version, or move the file away."
        )
    names = {match[0]: match for each in folder.iterdir() if (match := _NAME.fullmatch(each.name))}
    snapshots = [int(match[2]) for match in names.values() if match[1] == "snapshot"]
    journals = [int(match[2]) for match in names.values() if match[1] == "journal"]
    first, last = max(snapshots, default=min(journals, default=1)), max(journals, default=0)
    missing = sorted(set(range(first, last + 1 if journals else first + 1)) - set(journals)) if names else []
    if missing:
        raise JournalError(f"In {folder}, {journal_name(missing[0])} is missing beside {', '.join(sorted(names))}.")
    live = [snapshot_name(first)] * bool(snapshots) + [journal_name(number) for number in range(first, last + 1)]
    dead = [folder / name for name in names if name not in live]
    return Files([folder / name for name in live], dead + list(folder.glob(_UNFINISHED)), last)


def map_file(path: Path) -> memoryview:
    """The bytes of a file, mapped into memory while the view is in use."""
    with path.open("rb") as file:
        if os.fstat(file.fileno()).st_size == 0:
            return memoryview(b"")
        return memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))


def forget(data: memoryview) -> None:
    """Free the memory of the pages of a mapped file that were read; they are read again when needed."""
    if isinstance(data.obj, mmap.mmap):
        data.obj.madvise(mmap.MADV_DONTNEED)


def create(path: Path) -> int:
    """A new journal file, open for writing."""
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        write_at(file, MAGIC, 0)
    except BaseException:  # also after KeyboardInterrupt, no partial file stays
        os.close(file)
        path.unlink()
        raise
    return file


def write_at(file: int, data: bytes | memoryview, at: int) -> None:
    """Write all of the data."""
    rest = memoryview(data)
    while rest:
        written = os.pwrite(file, rest, at)
        rest, at = rest[written:], at + written


def sync_folder(folder: Path) -> None:
    """Put the names of new files on the disk."""
    file = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(file)
    finally:
        os.close(file)


def lock_folder(folder: Path) -> int:
    """Create the folder, and keep other processes out while the file returned is open. Raises JournalError."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        file = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise JournalError(f"There can be no journal in {folder}: {error}") from error
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(file)
        raise JournalError(f"Another process uses {folder}.") from error
    return file
