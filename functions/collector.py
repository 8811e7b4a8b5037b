"""The garbage collector stays out of imports: they keep what they make, and it looks at all of that again and again."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def collector_off() -> Iterator[None]:
    """For imports: a sixth faster, and what they made is left out of every later collection (`gc.freeze`)."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if was_on:
            gc.enable()
