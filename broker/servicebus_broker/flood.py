"""A limit on log lines that clients can cause."""

import logging
import time

MAX_LINES = 20
PERIOD = 10.0


class FloodFilter(logging.Filter):
    """Lets ``lines`` of a logger through in ``period`` seconds; the next line says how many were dropped."""

    def __init__(self, lines: int = MAX_LINES, period: float = PERIOD) -> None:
        super().__init__()
        self._lines = lines
        self._period = period
        self._started = float("-inf")
        self._seen = 0

    def filter(self, record: logging.LogRecord) -> bool:
        now = time.monotonic()
        if now - self._started >= self._period:
            dropped = max(0, self._seen - self._lines)
            self._started, self._seen = now, 0
            if dropped:
                record.msg = f"{record.msg} ({dropped} similar lines were dropped before)"
        self._seen += 1
        return self._seen <= self._lines
