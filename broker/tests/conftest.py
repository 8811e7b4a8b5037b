"""What all tests share."""

import gc
import warnings
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def collected(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """azure-servicebus leaves the sockets of connections whose broker died, or that were given up while they opened, to
    the garbage collector. They are collected after the test that left them: a later one would be blamed. The errors
    that pytest keeps with its log records hold them too."""
    yield
    for phase in ("setup", "call"):
        caplog.get_records(phase).clear()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()
