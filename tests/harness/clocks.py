"""A clock of its own for a part of the stack, by libfaketime."""

import ctypes.util
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from ondemand.stack import Stack
from tests.harness.faults import altered

_PLACES = (
    os.environ.get("LIBFAKETIME", ""),
    *map(str, Path("/usr/lib").glob("*/faketime/libfaketime.so.1")),
    ctypes.util.find_library("faketime") or "",
)
LIBFAKETIME = next((place for place in _PLACES if place and Path(place).is_file()), None)
"""Debian's package libfaketime has it. Without it the tests of clocks are not collected."""


@asynccontextmanager
async def clock_of(stack: Stack, part: str, file: Path) -> AsyncIterator[Callable[[float], None]]:
    """Inside it a part has a clock that the yielded function sets to so many seconds ahead of the machine's."""

    def set_ahead(seconds: float) -> None:
        aside = file.with_suffix(".new")
        aside.write_text(f"{seconds:+}\n")
        aside.replace(file)

    set_ahead(0)
    variables = {
        "LD_PRELOAD": str(LIBFAKETIME),
        "FAKETIME_TIMESTAMP_FILE": str(file),
        "FAKETIME_CACHE_DURATION": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "NO_FAKE_STAT": "1",
    }
    async with altered(stack, part, **variables):
        yield set_ahead
