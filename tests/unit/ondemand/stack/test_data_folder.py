"""The data folder: its lock, who may read it, and what it tells."""

import os
import signal
import stat
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from ondemand.stack.addresses import Addresses
from ondemand.stack.data_folder import (
    DataFolderError,
    DataFolderInUseError,
    DataFolderLock,
    delete_old_operations,
    read_addresses,
    write_addresses,
)

HOLD = """
import signal, sys
from pathlib import Path
from ondemand.stack.data_folder import DataFolderLock
DataFolderLock(Path(sys.argv[1])).acquire()
print("held", flush=True)
signal.pause()
"""


def test_the_second_is_refused_and_told_who_holds_it(tmp_path: Path) -> None:
    first = DataFolderLock(tmp_path / "data")
    first.acquire()
    with pytest.raises(DataFolderInUseError, match=rf"process {os.getpid()}\b"):
        DataFolderLock(tmp_path / "data").acquire()
    first.release()
    second = DataFolderLock(tmp_path / "data")
    second.acquire()
    second.release()


def test_the_lock_of_a_killed_process_is_free(tmp_path: Path) -> None:
    holder = subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    with holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(DataFolderInUseError, match=rf"process {holder.pid}\b"):
            DataFolderLock(tmp_path).acquire()
        holder.send_signal(signal.SIGKILL)
        holder.wait()
    lock = DataFolderLock(tmp_path)
    lock.acquire()
    lock.release()


def test_file_in_place_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("")
    with pytest.raises(DataFolderError, match=r"data cannot hold the state: it is a file; .* --data"):
        DataFolderLock(tmp_path / "data").acquire()


def test_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DataFolderError, match=r"Not a directory; .* --data"):
        DataFolderLock(tmp_path / "file" / "data").acquire()


def test_folder_that_cannot_be_written_is_refused() -> None:
    with pytest.raises(DataFolderError, match="--data"):
        DataFolderLock(Path("/proc/self")).acquire()


def test_old_operations_are_deleted(tmp_path: Path) -> None:
    files = {age: tmp_path / "operations" / age / "result.json" for age in ("old", "new")}
    for file in files.values():
        file.parent.mkdir(parents=True)
        file.write_text("{}")
    os.utime(files["old"], (0, 0))
    delete_old_operations(tmp_path, timedelta(days=3))
    assert [age for age, file in files.items() if file.exists()] == ["new"]


def test_folder_is_for_its_owner_alone(tmp_path: Path) -> None:
    """Also one that an older version left open, and whatever the umask is."""
    open_to_all = tmp_path / "old"
    open_to_all.mkdir()
    open_to_all.chmod(0o777)
    for folder in (open_to_all, tmp_path / "new"):
        lock = DataFolderLock(folder)
        lock.acquire()
        lock.release()
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_addresses_are_found_by_their_owner_alone(tmp_path: Path) -> None:
    assert read_addresses(tmp_path) is None
    addresses = Addresses("Endpoint=sb://127.0.0.1:1;SharedAccessKey=secret", "http://m", "http://d", "file:///o")
    write_addresses(tmp_path, addresses)
    assert read_addresses(tmp_path) == addresses
    (file,) = tmp_path.iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    file.write_text("{")
    assert read_addresses(tmp_path) is None
