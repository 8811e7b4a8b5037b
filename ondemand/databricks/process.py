"""The process that executes a notebook, seen from the server: start, follow, stop.

On Linux it is a fork of a template process that has imported MLflow, pandas and scikit-learn already: that saves a
training the 3 to 6 s of those imports. The template is the standard library's fork server. It runs no Python thread,
and the native libraries' own (OpenBLAS, jemalloc) handle forks, so forking it is safe. Elsewhere, and when there is no
template, a new interpreter is started.
"""

import logging
import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.connection import Connection, wait
from multiprocessing.context import BaseContext, ForkServerContext
from multiprocessing.process import BaseProcess
from pathlib import Path

from ondemand.databricks.notebook import child
from ondemand.databricks.output import BoundedLog

PRELOADED = [
    "ondemand.databricks.notebook.child",
    "mlflow",
    "mlflow.models",
    "mlflow.sklearn",
    "mlflow.store.tracking.rest_store",
    "pandas",
    "sklearn.datasets",
    "sklearn.linear_model",
    "sklearn.metrics",
    "sklearn.model_selection",
]
GRACE_S = 3.0
_CHUNK = 65536
logger = logging.getLogger(__name__)


class Launcher:
    """Starts processes: forks of the template, or new interpreters."""

    def __init__(self, preload: bool) -> None:
        # multiprocessing looks after every child of this process at each start: one thread at a time may do that.
        self._lock = threading.Lock()
        self._spawn = multiprocessing.get_context("spawn")
        self._template: ForkServerContext | None = None
        if preload and sys.platform == "linux":
            self._template = multiprocessing.get_context("forkserver")
            self._template.set_forkserver_preload(PRELOADED)

    def warm_up(self) -> None:
        """Start the template in the background; the first run waits for it."""
        if self._template is not None:
            from multiprocessing import forkserver

            forkserver.ensure_running()

    def start(self, assignment: child.Assignment, output: Connection) -> BaseProcess:
        """Blocks until the process exists."""
        with self._lock:
            return self._start(assignment, output)

    def reap(self, process: BaseProcess) -> int:
        """The exit code of a process that has ended, negative for a signal."""
        with self._lock:
            process.join()
            return process.exitcode or 0

    def _start(self, assignment: child.Assignment, output: Connection) -> BaseProcess:
        if self._template is not None:
            try:
                return _start(self._template, assignment, output)
            except (EOFError, OSError) as error:
                logger.warning("the template process does not answer (%r): starting a new interpreter", error)
        return _start(self._spawn, assignment, output)


def _start(context: BaseContext, assignment: child.Assignment, output: Connection) -> BaseProcess:
    # typeshed gives the base context no Process, though each of its kinds has one.
    process: BaseProcess = context.Process(target=child.main, args=(assignment, output))  # type: ignore[attr-defined]
    process.start()
    return process


class NotebookProcess:
    """One notebook's process. ``run`` blocks a thread; ``stop`` may be called from any other, at any time."""

    def __init__(self, launcher: Launcher, assignment: child.Assignment, printed: Path) -> None:
        self._launcher = launcher
        self._assignment = assignment
        self._printed = printed
        self._stop_seen, self._stop_sent = multiprocessing.Pipe(duplex=False)

    def stop(self) -> None:
        """Interrupt the notebook as the cancel button does; kill it when it has not ended ``GRACE_S`` later."""
        with suppress(OSError):  # it has ended by itself
            self._stop_sent.send_bytes(b"stop")

    def run(self, started: Callable[[], None]) -> int:
        """Start, call ``started``, follow to the end; returns the exit code, negative for a signal."""
        reader, writer = multiprocessing.Pipe(duplex=False)
        printed = BoundedLog(self._printed)
        try:
            with writer:
                process = self._launcher.start(self._assignment, writer)
            started()
            self._follow(process, reader, printed)
            return self._launcher.reap(process)
        finally:
            printed.close()
            reader.close()
            self._stop_seen.close()

    def _follow(self, process: BaseProcess, reader: Connection, printed: BoundedLog) -> None:
        deadline: float | None = None
        waiting: list[Connection | int] = [process.sentinel, reader, self._stop_seen]
        while True:
            ready = wait(waiting, None if deadline is None else max(0.0, deadline - time.monotonic()))
            if reader in ready and not _copy(reader, printed):
                waiting.remove(reader)
            if process.sentinel in ready:
                break
            if self._stop_seen in ready:
                waiting.remove(self._stop_seen)
                deadline = time.monotonic() + GRACE_S
                _interrupt(process)
            elif deadline is not None and time.monotonic() >= deadline:
                process.kill()
                deadline = None
        if process.pid is not None:
            child.kill_group(process.pid)
        while reader in waiting and reader.poll() and _copy(reader, printed):
            pass


def _interrupt(process: BaseProcess) -> None:
    if process.pid is not None and hasattr(os, "killpg"):
        os.kill(process.pid, signal.SIGINT)
    else:
        process.terminate()


def _copy(reader: Connection, printed: BoundedLog) -> bool:
    """Move the available output to the log; false at the end of the stream."""
    chunk = os.read(reader.fileno(), _CHUNK)
    printed.write(chunk)
    return bool(chunk)
