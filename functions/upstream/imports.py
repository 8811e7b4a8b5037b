"""What the garbage collector costs a server that keeps most of its objects."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager

THRESHOLD = 10_000
"""Python's own 700 is for programs that make garbage of cycles. A request of ours makes none, and a collection for
every few requests is a twentieth of what they cost."""


def collect_rarely() -> None:
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
