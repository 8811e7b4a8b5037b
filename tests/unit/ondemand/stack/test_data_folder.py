"""The lock of the data folder."""

import os
import signal
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from ondemand.stack.data_folder import DataFolderError, DataFolderInUseError, DataFolderLock, delete_old_operations

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
