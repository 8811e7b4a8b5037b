"""The machine's clock is set back or forward while a queue works: nothing is late, early or lost by that."""

import pytest

from servicebus_broker.queues.queue import Queue
from tests.unit.queues.conftest import LOCK, FakeClock, Holder, MakeQueue, bodies, body, message, token

HOUR = 3600.0
STEPS = pytest.mark.parametrize("step", [-HOUR, HOUR, -20 * 365 * 24 * HOUR])


@STEPS
def test_a_scheduled_message_keeps_its_delay(queue: Queue, clock: FakeClock, step: float) -> None:
    queue.send([message("due", at=clock.now + 5)])
    clock.ahead = step
    clock.advance(4.9)
    assert queue.receive() is None
    clock.advance(0.1)
    assert body(queue.receive()) == "due"


@STEPS
def test_a_client_schedules_by_the_clock_as_it_is_set_then(queue: Queue, clock: FakeClock, step: float) -> None:
    clock.ahead = step
    queue.send([message("due", at=clock.to_wall(clock.now) + 5)])
    assert queue.next_due() == clock.now + 5
    assert queue.receive() is None
    clock.advance(5)
    assert body(queue.receive()) == "due"


@STEPS
def test_locks_and_expiries_last_as_long_as_before(make_queue: MakeQueue, clock: FakeClock, step: float) -> None:
    queue = make_queue()
    queue.send([message("locked"), message("short", ttl=10)])
    lock = token(queue.receive())
    clock.ahead = step
    clock.advance(10)
    assert bodies(queue) == ["locked"]
    assert queue.renew_lock(lock) == clock.now + LOCK
    clock.advance(LOCK)
    assert body(queue.receive()) == "locked"


@STEPS
def test_a_session_lock_lasts_as_long_as_before(make_queue: MakeQueue, clock: FakeClock, step: float) -> None:
    queue, holder = make_queue(requires_session=True), Holder()
    queue.send([message("in", session="a")])
    queue.accept_session("a", holder)
    clock.ahead = step
    clock.advance(LOCK - 1)
    queue.advance()
    assert holder.lost == 0
    clock.advance(1)
    queue.advance()
    assert holder.lost == 1


@STEPS
def test_an_id_is_remembered_for_its_window(make_queue: MakeQueue, clock: FakeClock, step: float) -> None:
    queue = make_queue(requires_duplicate_detection=True, duplicate_detection_window=100)
    queue.send([message("first", message_id="x")])
    clock.ahead = step
    clock.advance(99)
    queue.send([message("second", message_id="x")])
    assert bodies(queue) == ["first"]
    clock.advance(1)
    queue.send([message("third", message_id="x")])
    assert bodies(queue) == ["first", "third"]
