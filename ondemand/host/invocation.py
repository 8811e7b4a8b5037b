"""Calling a function: coroutines on the event loop, plain functions in threads, both within ``functionTimeout``."""

import asyncio
import os
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

from ondemand.host.context import InvocationContext, InvocationTrace
from ondemand.host.index import IndexedFunction


class Invoker:
    """Calls functions the way the Python worker does."""

    def __init__(self, script_root: Path, timeout: timedelta | None) -> None:
        self._script_root = script_root
        self._timeout = None if timeout is None else timeout.total_seconds()
        workers = os.environ.get("PYTHON_THREADPOOL_THREAD_COUNT")
        self._threads = ThreadPoolExecutor(int(workers) if workers else None, thread_name_prefix="function")

    async def invoke(self, function: IndexedFunction, argument: object, trace: InvocationTrace) -> Any:
        """Call *function* with its trigger and return its result.

        Raises the exception of the function, and TimeoutError after ``functionTimeout``; a coroutine is cancelled then,
        a thread cannot be and runs on.
        """
        call = partial(function.call, **self._arguments(function, argument, trace))
        async with asyncio.timeout(self._timeout):
            if function.is_async:
                return await call()
            return await asyncio.get_running_loop().run_in_executor(self._threads, call)

    def close(self) -> None:
        """Let go of the thread pool without waiting for threads that outlived their timeout."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _arguments(self, function: IndexedFunction, argument: object, trace: InvocationTrace) -> dict[str, object]:
        arguments = {function.argument: argument}
        if function.takes_context:
            arguments["context"] = InvocationContext(function.name, self._script_root, trace)
        return arguments
