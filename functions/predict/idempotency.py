"""Ids of operations: nobody can guess one, and each has a seal of the caller that it belongs to.

An ``Idempotency-Key`` of a caller stands for one operation as long as its outcome can be read, then for a new one.
Pure.
"""

import hmac
import os
from datetime import datetime

from functions.predict.secret import tag

CLOCK_SKEW_S = 60.0
RANDOM_BYTES, SEAL_BYTES = 10, 6


def new_operation_id(secret: bytes, caller: str) -> str:
    """An id that was never used: 32 hexadecimal characters."""
    return _sealed(secret, caller, os.urandom(RANDOM_BYTES))


def belongs_to(secret: bytes, operation_id: str, caller: str) -> bool:
    """Whether an id was made for this caller."""
    made_for_caller = _sealed(secret, caller, bytes.fromhex(operation_id)[:RANDOM_BYTES])
    return hmac.compare_digest(made_for_caller, operation_id)


def operation_ids(secret: bytes, caller: str, key: str, now: datetime, lifetime_s: float) -> tuple[str, ...]:
    """The ids of the operations that a caller's key can stand for now: that of a new one is the last.

    Time is divided into windows as long as an operation lives, and a key has another id in each. So an operation of
    this window lives at least to its end. One of the former window may still live, and one of the next window may have
    been begun by an instance whose clock is ahead.
    """
    seconds = now.timestamp()
    current = int(seconds // lifetime_s)
    windows = [current - 1, current]
    if int((seconds + CLOCK_SKEW_S) // lifetime_s) > current:
        windows.insert(0, current + 1)
    return tuple(
        _sealed(secret, caller, tag(secret, "idempotency-key", caller, str(window), key)[:RANDOM_BYTES])
        for window in windows
    )


def replayed_operation_id(secret: bytes, caller: str, old: str, kept: str) -> str:
    """The id of the operation that repeats one: always the same for one message that was kept."""
    return _sealed(secret, caller, tag(secret, "replay", caller, old, kept)[:RANDOM_BYTES])


def _sealed(secret: bytes, caller: str, unique: bytes) -> str:
    return (unique + tag(secret, "operation", caller, unique.hex())[:SEAL_BYTES]).hex()
