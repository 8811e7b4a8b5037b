"""Failures in the log: the trace of one kind once, then a line for each."""

import logging
import re
import time
from collections.abc import Callable

from ondemand.host.errors import FunctionError

TOLD_AGAIN_AFTER_S = 60.0
MAX_KINDS = 1000
MAX_TEXT = 500
_LINE = re.compile(r'^ +File "(.*)$', re.MULTILINE)


class Failures:
    """Two failures are of one kind if the same line of code raised the same type."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._told: dict[tuple[object, ...], float] = {}

    def log(self, logger: logging.Logger, what: str, error: BaseException) -> None:
        """Log that *what* failed; with the trace if none of this kind was logged within the last minute."""
        text = " ".join(_text(error).split())[:MAX_TEXT]
        if self._is_new(_kind(error)):
            logger.error("%s: %s", what, text, exc_info=_traced(error))
        else:
            logger.error("%s: %s (trace above)", what, text)

    def _is_new(self, kind: tuple[object, ...]) -> bool:
        now = self._clock()
        if now - self._told.get(kind, -TOLD_AGAIN_AFTER_S) < TOLD_AGAIN_AFTER_S:
            return False
        if len(self._told) >= MAX_KINDS:
            self._told.clear()
        self._told[kind] = now
        return True


class WorkerTrace(Exception):
    """The trace of a function's exception, for the log: a worker tells it as text."""

    def __str__(self) -> str:
        return f"\n{self.args[0]}"


def _traced(error: BaseException) -> BaseException:
    return WorkerTrace(error.stack_trace) if isinstance(error, FunctionError) else error


def _text(error: BaseException) -> str:
    """With its type, which the text of a FunctionError has already."""
    return str(error) if isinstance(error, FunctionError) else f"{type(error).__name__}: {error}"


def _kind(error: BaseException) -> tuple[object, ...]:
    if isinstance(error, FunctionError):
        return (str(error).partition(":")[0], *_LINE.findall(error.stack_trace)[-1:])
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    place = (None, 0) if trace is None else (trace.tb_frame.f_code, trace.tb_lineno)
    return (type(error), *place)


failures = Failures()
"""Of this process."""
