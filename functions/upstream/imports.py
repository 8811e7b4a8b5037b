"""What the garbage collector costs a server that keeps most of its objects."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager

THRESHOLD = 10_000
"""Allocations before a collection of the youngest objects: Python's own 700 (2,000 from 3.13 on) are a few requests,
whose collections are a twentieth of what they cost. A request leaves no cycles behind."""


def collect_rarely() -> None:
    """Raise the threshold of the youngest generation to `THRESHOLD`."""
    gc.set_threshold(THRESHOLD, *gc.get_threshold()[1:])


@contextmanager
def collector_off() -> Iterator[None]:
    """For imports: the collector would visit again and again the objects that they make and keep.

    These objects are left out of every later collection (`gc.freeze`): a full one would hold up a request.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if was_on:
            gc.enable()
