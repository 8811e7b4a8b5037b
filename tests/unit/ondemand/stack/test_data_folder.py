"""The lock of the data folder."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from ondemand.stack.data_folder import DataFolderInUseError, DataFolderLock

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
