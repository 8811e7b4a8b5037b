"""A clock of its own for a part of the stack, by libfaketime."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from importlib.util import find_spec
from pathlib import Path

from ondemand.stack import Stack
from tests.harness.faults import altered

_PACKAGE = find_spec("libfaketime")
LIBFAKETIME = (
    Path(_PACKAGE.origin).parent / "vendor/libfaketime/src/libfaketime.so.1" if _PACKAGE and _PACKAGE.origin else None
)
"""The package is installed where it has the library: on Linux with x86-64."""


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
