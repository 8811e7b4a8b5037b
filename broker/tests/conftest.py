"""Fixtures for all tests."""

import gc
import warnings
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def collected(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Collect garbage after each test, and ignore the warnings of the collected sockets.

    azure-servicebus leaves the sockets of connections whose broker died, or that were given up while they opened, to
    the garbage collector. A later test would be blamed for them. The errors that pytest keeps with its log records hold
    them too.
    """
    yield
    for phase in ("setup", "call"):
        caplog.get_records(phase).clear()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()
