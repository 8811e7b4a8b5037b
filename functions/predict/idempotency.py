"""The operation that an ``Idempotency-Key`` stands for: one for as long as its outcome can be read, then a new one."""

import hashlib
from datetime import datetime

CLOCK_SKEW_S = 60.0


def operation_ids(key: str, now: datetime, lifetime_s: float) -> tuple[str, ...]:
    """The ids of the operations that a key can stand for now: that of a new one is the last.

    Time is divided into windows as long as an operation lives, and a key has another id in each. So an operation of
    this window lives at least to its end. One of the former window may still live, and one of the next window may have
    been begun by an instance whose clock is ahead.
    """
    seconds = now.timestamp()
    current = int(seconds // lifetime_s)
    windows = [current - 1, current]
    if int((seconds + CLOCK_SKEW_S) // lifetime_s) > current:
        windows.insert(0, current + 1)
    return tuple(_operation_id(key, window) for window in windows)


def _operation_id(key: str, window: int) -> str:
    """32 hexadecimal characters."""
    return hashlib.sha256(f"idempotency-key\0{window}\0{key}".encode()).hexdigest()[:32]
