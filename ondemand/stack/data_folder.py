"""The folder a stack keeps its state in, and the lock that keeps a second stack out of it."""

import fcntl
import os
from pathlib import Path


class DataFolderInUseError(Exception):
    """Another stack runs on this data folder; the message names its process."""


class DataFolderLock:
    """Held for as long as the stack runs. The kernel releases it with its process, so it is never stale."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "lock"
        self._descriptor: int | None = None

    def acquire(self) -> None:
        """Take the lock; raise DataFolderInUseError if another process holds it."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(descriptor, 32).decode() or "unknown"
            os.close(descriptor)
            raise DataFolderInUseError(
                f"{self._path.parent} is in use by another stack (process {holder}); stop it, or choose another --data"
            ) from None
        os.ftruncate(descriptor, 0)
        os.write(descriptor, str(os.getpid()).encode())
        self._descriptor = descriptor

    def release(self) -> None:
        """Let the next one in."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
