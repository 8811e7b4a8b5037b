"""The file that the journal grows in."""

from __future__ import annotations

import errno
import os
from pathlib import Path

from servicebus_broker.journal.files import create, journal_name, sync_folder, write_at
from servicebus_broker.journal.frames import MAGIC, frame

# These mean that there is no room. After any other error, the content of the disk is unknown.
FULL = frozenset((errno.ENOSPC, errno.EDQUOT, errno.EFBIG))


class Segment:
    """Frames are added at its end; the room after that is set aside by the file system.

    `sync` may run in another thread than the rest.
    """

    def __init__(self, folder: Path, number: int, size: int | None = None) -> None:
        """A new file, or an existing one that is whole up to ``size``. Raises OSError."""
        self.number = number
        self._folder = folder
        self._name = journal_name(number)
        self._is_new = size is None
        if size is None:
            self._file = create(folder / self._name)
        else:
            self._file = os.open(folder / self._name, os.O_RDWR)
            os.ftruncate(self._file, size)
            write_at(self._file, MAGIC, 0)
        self.size = self._allocated = max(len(MAGIC), size or 0)

    @property
    def is_empty(self) -> bool:
        """Whether it has no frame."""
        return self.size == len(MAGIC)

    @property
    def room(self) -> int:
        """The bytes that can certainly be added."""
        return self._allocated - self.size

    def append(self, payload: bytes | bytearray) -> None:
        """Add a frame, if there is data. Raises OSError, and then nothing was added."""
        if not payload:
            return
        data = frame(payload, self._name, self.size)
        write_at(self._file, data, self.size)
        self.size += len(data)
        self._allocated = max(self._allocated, self.size)

    def extend(self, room: int) -> bool:
        """Set aside this much room after the end; returns False if the disk does not have it. Raises OSError."""
        end = self.size + room
        if end <= self._allocated:
            return True
        try:
            _allocate(self._file, self._allocated, end - self._allocated)
        except OSError as error:
            if error.errno in FULL:
                return False
            raise
        self._allocated = end
        return True

    def trim(self) -> None:
        """Give the room back to the disk."""
        os.ftruncate(self._file, self.size)
        self._allocated = self.size

    def sync(self) -> None:
        """Return once all frames are on the disk. Raises OSError."""
        os.fdatasync(self._file)
        if self._is_new:
            sync_folder(self._folder)
            self._is_new = False

    def close(self) -> None:
        os.close(self._file)


def _allocate(file: int, at: int, length: int) -> None:
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(file, at, length)
    else:
        write_at(file, bytes(length), at)
