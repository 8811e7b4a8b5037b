"""Time to live."""

import pytest

from servicebus_broker.queues.errors import MessageNotFoundError
from servicebus_broker.queues.queue import Queue, QueueCounts
from servicebus_broker.queues.settings import FOREVER
from tests.unit.queues.conftest import (
    FakeClock,
    MakeQueue,
    bodies,
    dead_letters,
    message,
    reason,
    token,
)


@pytest.mark.parametrize(("ttl", "default", "life"), [(5, FOREVER, 5), (None, 7, 7), (5, 7, 5), (9, 7, 7)])
def test_the_shorter_time_to_live_counts(
    make_queue: MakeQueue, clock: FakeClock, ttl: float | None, default: float, life: float
) -> None:
    queue = make_queue(default_time_to_live=default)
    queue.send([message("a", ttl=ttl)])
    assert queue.next_due() == clock.now + life
    clock.advance(life - 0.001)
    assert bodies(queue) == ["a"]
    clock.advance(0.001)
    assert queue.receive() is None
    assert bodies(queue) == []
    assert bodies(dead_letters(queue)) == []


def test_expired_messages_are_dead_lettered_if_the_queue_is_set_so(make_queue: MakeQueue, clock: FakeClock) -> None:
    queue = make_queue(dead_letter_on_expiration=True)
    queue.send([message("a", ttl=5)])
    clock.advance(5)
    queue.advance()
    assert reason(dead_letters(queue).receive())[0] == "TTLExpiredException"


def test_locked_message_expires_only_when_it_is_returned(make_queue: MakeQueue, clock: FakeClock) -> None:
    queue = make_queue(dead_letter_on_expiration=True)
    queue.send([message("a", ttl=5), message("b", ttl=5)])
    first, second = token(queue.receive()), token(queue.receive())
    clock.advance(6)
    queue.complete(first)
    queue.abandon(second)
    assert bodies(queue) == []
    assert bodies(dead_letters(queue)) == ["b"]


def test_the_time_to_live_of_a_scheduled_message_starts_when_it_is_enqueued(queue: Queue, clock: FakeClock) -> None:
    queue.send([message("a", at=clock.now + 30, ttl=5)])
    clock.advance(34)
    assert bodies(queue) == ["a"]
    assert queue.next_due() == clock.now + 5


def test_a_message_without_dead_lettering_is_gone(make_queue: MakeQueue, clock: FakeClock) -> None:
    queue = make_queue(default_time_to_live=5)
    queue.send([message("a")])
    clock.advance(5)
    queue.advance()
    assert queue.counts() == QueueCounts(active=0, scheduled=0, dead_letter=0, transfer=0)
    assert queue.size == 0


def test_deferred_messages_expire_too(make_queue: MakeQueue, clock: FakeClock) -> None:
    queue = make_queue(dead_letter_on_expiration=True)
    queue.send([message("a", ttl=5)])
    queue.defer(token(queue.receive()))
    clock.advance(5)
    with pytest.raises(MessageNotFoundError):
        queue.receive_deferred([1])
    assert bodies(dead_letters(queue)) == ["a"]
