"""Locks: until when they hold, and what their loss means."""

import pytest

from local.broker.queues.errors import (
    MessageLockLostError,
)
from local.broker.queues.queue import Queue
from tests.unit.broker.queues.conftest import (
    LOCK,
    FakeClock,
    body,
    message,
    token,
)


def test_an_expired_lock_raises_the_count_and_cannot_settle(queue: Queue, clock: FakeClock) -> None:
    queue.send([message("a")])
    lost = token(queue.receive())
    clock.advance(LOCK - 1)
    assert queue.receive() is None
    clock.advance(1)
    for settle in (queue.complete, queue.abandon, queue.release, queue.defer, queue.dead_letter, queue.renew_lock):
        with pytest.raises(MessageLockLostError):
            settle(lost)
    again = queue.receive()
    assert again is not None
    assert (body(again), again.delivery_count) == ("a", 1)


def test_a_renewed_lock_lasts_a_lock_duration_from_now(queue: Queue, clock: FakeClock) -> None:
    queue.send([message("a")])
    lock = token(queue.receive())
    clock.advance(LOCK - 1)
    assert queue.renew_lock(lock) == clock.now + LOCK
    clock.advance(LOCK - 1)
    queue.complete(lock)
