"""The last export, when the process ends. The SDK's own takes up to 20 s if the collector does not answer."""

import atexit
import logging
from collections.abc import Callable
from threading import Event, Thread

logger = logging.getLogger(__name__)
END_S = 2.0


class LastExport:
    """Makes these calls at the end of the process, which waits for them for `END_S` at most.

    Its thread is started now: Python 3.12 starts none while the process ends.
    """

    def __init__(self, *calls: Callable[[], object]) -> None:
        self._calls = calls
        self._wanted, self._done = Event(), Event()
        Thread(target=self._run, name="last-export", daemon=True).start()
        atexit.register(self.make)

    def make(self, seconds: float = END_S) -> bool:
        """Make the calls now. False if they take longer."""
        self._wanted.set()
        return self._done.wait(seconds)

    def _run(self) -> None:
        self._wanted.wait()
        for call in self._calls:
            try:
                call()
            except Exception:
                logger.exception("the last traces or metrics are not sent")
        self._done.set()
