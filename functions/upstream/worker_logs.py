"""Log records that the Functions host would drop go to the worker's stderr.

The worker sends each record to the host with the id of the invocation that it thinks is running: none in a thread,
and in a background task that of the invocation that made the task. The host (4.1037) drops a record without the id of
a running invocation. Each line of a worker's stderr is a log of its own there: a warning if it contains "warn", an
error if it contains "error" or "fail", else an information. The worker (4.34; azure-functions-runtime 1.3) adds a
handler of the class `AsyncLoggingHandler` to the root logger before it imports the app. The one of Python 3.13 has
another one there, which writes every record to stdout as well: the host takes a traceback's lines for logs.
"""

import asyncio
import functools
import logging
import sys
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from typing import TextIO, TypeVar

from functions.logs import one_line

T = TypeVar("T")
WORKERS_HANDLER = "AsyncLoggingHandler"
FILTER_OF_STDOUT = "CustomerLogFilter"
"""Of the handler by which the worker of Python 3.13 writes to stdout."""
WORKERS_OWN = ("azure_functions", "azure.functions", "proxy_worker")
"""The host takes records of these loggers at any time. They are the worker's own; `proxy_worker` is that of 3.13."""


class _Invocation:
    is_running = True


_invocation: ContextVar[_Invocation | None] = ContextVar("invocation", default=None)


class _OneLine(logging.Formatter):
    """A record with its traceback on one line."""

    def format(self, record: logging.LogRecord) -> str:
        return one_line(super().format(record))


def install(level: str, stream: TextIO = sys.stderr) -> None:
    """Where the worker's handler is, write what it would lose to *stream*, from *level* on. Call it once."""
    root = logging.getLogger()
    workers = [handler for handler in root.handlers if _is_named(handler, WORKERS_HANDLER)]
    if not workers:
        return
    workers[0].addFilter(reaches_host)
    for handler in [each for each in root.handlers if any(_is_named(it, FILTER_OF_STDOUT) for it in each.filters)]:
        root.removeHandler(handler)
    root.addHandler(_console(level, stream))


def in_invocation(function: Callable[..., Awaitable[T]]) -> Callable[..., Awaitable[T]]:
    """The function; the worker sends to the host what is logged while it runs."""

    @functools.wraps(function)
    async def call(*args: object, **kwargs: object) -> T:
        invocation = _Invocation()
        _invocation.set(invocation)
        try:
            return await function(*args, **kwargs)
        finally:
            invocation.is_running = False

    return call


def reaches_host(record: logging.LogRecord) -> bool:
    """Whether the host takes this record, logged here and now, from the worker."""
    if record.name.startswith(WORKERS_OWN):
        return True
    invocation = _invocation.get()
    return invocation is not None and invocation.is_running and _in_task()


def _is_named(thing: object, name: str) -> bool:
    """Whether it is of a class of this name: the worker's own cannot be imported here."""
    return any(kind.__name__ == name for kind in type(thing).__mro__)


def _in_task() -> bool:
    """The worker tells the invocation by its task. A thread has the context of the invocation, but no task."""
    try:
        return asyncio.current_task() is not None
    except RuntimeError:  # no event loop runs in this thread
        return False


def _console(level: str, stream: TextIO) -> logging.Handler:
    console = logging.StreamHandler(stream)
    console.setLevel(level)
    console.setFormatter(_OneLine("%(levelname)s %(name)s: %(message)s"))
    console.addFilter(lambda record: not reaches_host(record))
    return console
