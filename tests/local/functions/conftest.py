"""A real broker process for the tests of this folder."""

import gc
import warnings
from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio

from local.stack import Stack


@pytest_asyncio.fixture
async def stack(tmp_path: Path) -> AsyncIterator[Stack]:
    async with Stack(tmp_path, free_ports=True, only=("broker",)) as running:
        yield running
    with warnings.catch_warnings():
        # azure-servicebus leaves the socket of a connection whose broker died to the garbage collector. Collected here,
        # and not in the middle of another test, which would be blamed for it.
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()
