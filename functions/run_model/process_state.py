"""What the code of a model changes for the whole process while it loads, and what is undone of it.

It keeps one model's habits (``os.chdir``, ``logging.basicConfig(force=True)``) from harming the others. It is no
defence against code that means harm: see SECURITY.md.
"""

import gc
import locale
import logging
import os
import socket
import sys
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any, TextIO, TypeVar

from functions.settings import CREDENTIALS

logger = logging.getLogger(__name__)
T = TypeVar("T")

NEVER_ADDED = frozenset(
    {*CREDENTIALS, "ALL_PROXY", "CURL_CA_BUNDLE", "HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY", "REQUESTS_CA_BUNDLE",
     "SSL_CERT_DIR", "SSL_CERT_FILE"}
)  # fmt: skip
"""Variables that would send requests of this process elsewhere. Others may be added: libraries do at import."""
Undo = Callable[[], bool]
"""Puts something back, and says whether that was needed."""


class ProcessState:
    """What every part of the process shares, put back after each load.

    What has one value for the whole process is put back to the value that it had when this was made, not to the one
    before the load: a prediction in another thread may just have changed it for a moment (``redirect_stdout``), and
    that would stay for good.
    """

    def __init__(self) -> None:
        self._values = _remembered(_VALUES)

    @contextmanager
    def kept(self, name: str, within_s: float) -> Iterator[None]:
        """Put everything back afterwards. `name` is told in the log where that was needed.

        After more than `within_s` seconds nothing is put back: the next load has begun.
        """
        began = time.monotonic()
        undo = self._values | _remembered(_COLLECTIONS)
        try:
            yield
        finally:
            if time.monotonic() - began <= within_s and (changed := _put_back(undo)):
                logger.warning("loading %s changed %s of this process, which is undone", name, ", ".join(changed))


def _remembered(parts: Mapping[str, Callable[[], Undo]]) -> dict[str, Undo]:
    return {part: remember() for part, remember in parts.items()}


def _put_back(undo: Mapping[str, Undo]) -> list[str]:
    """The parts that had been changed. One that cannot be put back keeps neither the others nor the load."""
    changed = []
    for part, put_back in undo.items():
        try:
            if put_back():
                changed.append(part)
        except Exception as error:  # such as a folder that the model's code has removed
            logger.error("%s of this process cannot be put back", part, exc_info=error)
    return changed


def _value(read: Callable[[], T], write: Callable[[T], object]) -> Undo:
    before = read()

    def undo() -> bool:
        with suppress(FileNotFoundError):  # the working directory is gone
            if read() == before:
                return False
        write(before)
        return True

    return undo


def _environment() -> Undo:
    before = dict(os.environ)

    def undo() -> bool:
        # Another thread may add and remove variables meanwhile.
        added = [name for name in os.environ.keys() - before.keys() if name.upper() in NEVER_ADDED]
        for name in added:
            os.environ.pop(name, None)
        changed = {name: value for name, value in before.items() if os.environ.get(name) != value}
        os.environ.update(changed)
        return bool(added or changed)

    return undo


def _loggers() -> Undo:
    """Loggers that are new stay as they are."""
    # A list first: other threads make loggers meanwhile.
    named = [each for each in list(logging.root.manager.loggerDict.values()) if isinstance(each, logging.Logger)]
    before = {each: _logger_state(each) for each in (logging.root, *named)}

    def undo() -> bool:
        changed = [each for each, state in before.items() if _logger_state(each) != state]
        for each in changed:
            level, each.disabled, each.propagate, each.handlers[:], each.filters[:] = before[each]
            each.setLevel(level)
        return bool(changed)

    return undo


def _logger_state(each: logging.Logger) -> tuple[int, bool, bool, list[logging.Handler], list[Any]]:
    return each.level, each.disabled, each.propagate, list(each.handlers), list(each.filters)


def _warnings() -> Undo:
    """Warnings that are made errors would be raised by the other models. Libraries add filters of other kinds."""
    before = list(warnings.filters)

    def undo() -> bool:
        filters = warnings.filters  # another thread in catch_warnings may put another list in its place
        added = [each for each in filters if each[0] == "error" and each not in before]
        for each in added:
            with suppress(ValueError):
                filters.remove(each)  # type: ignore[attr-defined]  # typeshed has a Sequence, Python a list
        warnings._filters_mutated()  # type: ignore[attr-defined]  # as warnings.catch_warnings does
        return bool(added)

    return undo


def _set_interpreter(before: tuple[int, float, bool]) -> None:
    sys.setrecursionlimit(before[0])
    sys.setswitchinterval(before[1])
    (gc.enable if before[2] else gc.disable)()


def _set_streams(before: tuple[TextIO, TextIO]) -> None:
    sys.stdout, sys.stderr = before


_VALUES: dict[str, Callable[[], Undo]] = {
    "the working directory": partial(_value, os.getcwd, os.chdir),
    "the environment": _environment,
    "logging.disable": partial(_value, lambda: logging.root.manager.disable, logging.disable),
    "the factory of log records": partial(_value, logging.getLogRecordFactory, logging.setLogRecordFactory),
    "the standard streams": partial(_value, lambda: (sys.stdout, sys.stderr), _set_streams),
    "the interpreter": partial(
        _value, lambda: (sys.getrecursionlimit(), sys.getswitchinterval(), gc.isenabled()), _set_interpreter
    ),
    "the default timeout of sockets": partial(_value, socket.getdefaulttimeout, socket.setdefaulttimeout),
    "the locale": partial(
        _value, lambda: locale.setlocale(locale.LC_ALL), lambda name: locale.setlocale(locale.LC_ALL, name)
    ),
}
_COLLECTIONS: dict[str, Callable[[], Undo]] = {"loggers": _loggers, "warnings": _warnings}
"""Libraries add to these when they are imported, at any time: only what the load itself did is undone."""
