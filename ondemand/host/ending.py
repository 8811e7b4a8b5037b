"""Ends of the process that the event loop cannot bring about: it is blocked, or a thread hangs at the end."""

import asyncio
import logging
import os
import threading
import time
from collections.abc import Callable
from datetime import timedelta

PAUSE_S = 1.0
"""Between two answers of the event loop."""
END_S = 4.0
"""What a process needs at most to end, once its functions have ended or were given up."""
logger = logging.getLogger(__name__)


def watch_loop(loop: asyncio.AbstractEventLoop, timeout: timedelta, restart: Callable[[], object]) -> None:
    """Call *restart*, in a thread, when *loop* has not answered for *timeout*: an async function blocks it.

    The official host is another process, which kills the worker then as for any function that runs for too long.
    """

    def watch() -> None:
        while True:
            answered = threading.Event()
            try:
                loop.call_soon_threadsafe(answered.set)
            except RuntimeError:  # it is closed
                return
            if not answered.wait(timeout.total_seconds()):
                break
            time.sleep(PAUSE_S)
        seconds = timeout.total_seconds()
        logger.error("a function blocked the event loop for %g s, functionTimeout: the worker restarts", seconds)
        restart()

    threading.Thread(target=watch, name="watch-loop", daemon=True).start()


def end_soon() -> None:
    """End the process after `END_S`, if it has not ended by itself: Python waits for its threads, and one may hang."""
    timer = threading.Timer(END_S, os._exit, (0,))
    timer.daemon = True
    timer.start()
