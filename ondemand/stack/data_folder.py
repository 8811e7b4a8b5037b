"""The folder that holds the state of a stack, and the lock that keeps a second stack out of it."""

import fcntl
import json
import os
import stat
import time
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path

from ondemand.stack.addresses import OPERATIONS, Addresses

ADDRESSES = "addresses.json"
PRIVATE_FOLDER, PRIVATE_FILE = 0o700, 0o600


class DataFolderError(Exception):
    """The data folder cannot be used; the message says why."""


class DataFolderInUseError(DataFolderError):
    """Another stack runs on this data folder; the message names its process."""


class DataFolderLock:
    """Held while the stack runs. The kernel releases it with its process, so it is never stale."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "lock"
        self._descriptor: int | None = None

    def acquire(self) -> None:
        """Take the lock; raise DataFolderInUseError if another process holds it, else DataFolderError."""
        folder = self._path.parent
        try:
            _make_private(folder)
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, PRIVATE_FILE)
        except OSError as error:
            reason = "it is a file" if folder.is_file() else error.strerror
            raise DataFolderError(f"{folder} cannot hold the state: {reason}; choose another --data") from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(descriptor, 32).decode() or "unknown"
            os.close(descriptor)
            raise DataFolderInUseError(
                f"{folder} is in use by another stack (process {holder}); stop it, or choose another --data"
            ) from None
        os.ftruncate(descriptor, 0)
        os.write(descriptor, str(os.getpid()).encode())
        self._descriptor = descriptor

    def release(self) -> None:
        """Let the next stack in."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def _make_private(folder: Path) -> None:
    """The folder for its owner alone: it holds keys, the rows of clients, and models, which are code that will be run.

    Raises OSError, also for a folder of somebody else.
    """
    folder.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)
    if stat.S_IMODE(folder.stat().st_mode) != PRIVATE_FOLDER:
        folder.chmod(PRIVATE_FOLDER)


def delete_old_operations(folder: Path, kept: timedelta) -> None:
    """Delete the files of operations that are older, as a lifecycle rule of the container does in Azure."""
    oldest = time.time() - kept.total_seconds()
    for file in (folder / OPERATIONS).glob("*/*.json"):
        if file.stat().st_mtime < oldest:
            file.unlink()


def write_addresses(folder: Path, addresses: Addresses) -> None:
    """Let commands beside the stack find its parts. A connection string is a secret."""
    path = folder / ADDRESSES
    path.touch(PRIVATE_FILE)
    path.write_text(json.dumps(asdict(addresses)))


def read_addresses(folder: Path) -> Addresses | None:
    """The addresses of the last stack on a data folder, whether it runs or not."""
    try:
        return Addresses(**json.loads((folder / ADDRESSES).read_text()))
    except (FileNotFoundError, NotADirectoryError, ValueError):  # ValueError while the file is being written
        return None
