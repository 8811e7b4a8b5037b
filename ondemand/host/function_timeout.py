"""``functionTimeout`` of host.json, at which the official host restarts the whole worker.

It kills the worker process (``WebScriptHostExceptionHandler``), because nothing else ends a function in a thread. All
its other invocations fail: requests are answered with 500, messages are abandoned and delivered again.
"""

import asyncio
import logging
import os
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import NoReturn

from ondemand.host.index import IndexedFunction
from ondemand.host.invocation import Invoker, TriggerInput
from ondemand.host.worker.protos import TypedData
from ondemand.host.worker.worker import Worker

INHERITED_SOCKET = "ONDEMAND_HOST_SOCKET"
"""Variable by which a process that starts again finds its listening socket."""
logger = logging.getLogger(__name__)


class WorkerRestarted(Exception):
    """The invocation was under way when the worker was restarted."""


class WorkerRestarts(Exception):
    """The invocation came while the worker restarts."""


class RunningFunctions:
    """The functions under way. One timer for all: the oldest is the first that may have run for too long."""

    def __init__(self, timeout: timedelta | None, restart: Callable[[], None]) -> None:
        self._timeout_s = None if timeout is None else timeout.total_seconds()
        self._restart = restart
        self._running: dict[asyncio.Task[object], tuple[str, float]] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._restarts = False

    @contextmanager
    def running(self, name: str) -> Iterator[None]:
        """A function that is awaited by the current task. Raises WorkerRestarted if it or another ran for too long.

        Raises WorkerRestarts from then on. (The official host keeps what comes until the next worker runs.)
        """
        task = asyncio.current_task()
        if task is None or self._timeout_s is None:
            yield
            return
        if self._restarts:
            raise WorkerRestarts("the worker restarts")
        self._running[task] = (name, asyncio.get_running_loop().time() + self._timeout_s)
        if self._timer is None:
            self._check()
        try:
            yield
        except asyncio.CancelledError:
            if not self._restarts:
                raise
            task.uncancel()
            raise WorkerRestarted("a function ran for functionTimeout, and the worker was restarted") from None
        finally:
            del self._running[task]

    def _check(self) -> None:
        self._timer = None
        name, deadline = next(iter(self._running.values()), ("", None))
        loop = asyncio.get_running_loop()
        if deadline is None:
            return
        if loop.time() < deadline:
            self._timer = loop.call_at(deadline, self._check)
            return
        others = len(self._running) - 1
        logger.error(
            "function %s ran for %g s, functionTimeout: the worker restarts, and %d other invocations fail",
            name,
            self._timeout_s,
            others,
        )
        self._restarts = True
        for task in self._running:
            task.cancel()
        self._restart()


class TimedInvoker(Invoker):
    """An invoker whose functions end by `RunningFunctions`."""

    def __init__(self, worker: Worker, running: RunningFunctions) -> None:
        super().__init__(worker)
        self._running = running

    async def invoke(self, function: IndexedFunction, given: TriggerInput) -> TypedData | None:
        with self._running.running(function.name):
            return await super().invoke(function, given)


def listening_socket(port: int) -> socket.socket:
    """A new socket, or that of the process that this one goes on for. Raises OSError."""
    if inherited := os.environ.pop(INHERITED_SOCKET, None):
        return socket.socket(fileno=int(inherited))
    return socket.create_server(("127.0.0.1", port))


def start_again(listening: socket.socket, folder: Path) -> NoReturn:
    """Become a new process with the same id and arguments; clients that connect meanwhile wait in the socket's queue.

    Every thread ends, and every other file is closed. Without the socket, which is closed to drain, the process ends.
    """
    if listening.fileno() < 0:
        os._exit(1)
    listening.set_inheritable(True)
    os.environ[INHERITED_SOCKET] = str(listening.fileno())
    os.chdir(folder)
    os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])  # noqa: S606  # the command that started this
