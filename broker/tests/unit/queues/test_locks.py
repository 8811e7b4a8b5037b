"""Locks: their duration, and the effect of their loss."""

import pytest

from servicebus_broker.queues.errors import (
    MessageLockLostError,
)
from servicebus_broker.queues.queue import Queue
from tests.unit.queues.conftest import (
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


def test_a_lost_lock_cannot_be_renewed(queue: Queue, clock: FakeClock) -> None:
    queue.send([message("a")])
    lock = token(queue.receive())
    clock.advance(LOCK)
    with pytest.raises(MessageLockLostError):
        queue.renew_lock(lock)


def test_an_old_lock_does_not_settle_a_later_delivery(queue: Queue, clock: FakeClock) -> None:
    queue.send([message("a")])
    old = token(queue.receive())
    clock.advance(LOCK)
    new = token(queue.receive())
    with pytest.raises(MessageLockLostError):
        queue.complete(old)
    queue.complete(new)


def test_renewal_postpones_the_loss_of_the_lock(queue: Queue, clock: FakeClock) -> None:
    queue.send([message("a"), message("b")])
    renewed = token(queue.receive())
    queue.receive()
    clock.advance(LOCK / 2)
    queue.renew_lock(renewed)
    clock.advance(LOCK / 2)
    assert body(queue.receive()) == "b"
    queue.complete(renewed)
