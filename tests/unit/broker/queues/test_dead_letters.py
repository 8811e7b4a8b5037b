"""What leads to the dead-letter queue, and what is found there."""

import pytest

from local.broker.queues.errors import (
    InvalidOperationError,
)
from local.broker.queues.queue import Queue
from tests.unit.broker.queues.conftest import (
    LOCK,
    START,
    FakeClock,
    MakeQueue,
    bodies,
    dead_letters,
    message,
    reason,
    token,
)


def test_too_many_deliveries_lead_to_the_dead_letter_queue(queue: Queue, clock: FakeClock) -> None:
    queue.send([message("a")])
    queue.abandon(token(queue.receive()))
    queue.receive()
    clock.advance(LOCK)
    queue.abandon(token(queue.receive()))
    assert queue.receive() is None
    dead = dead_letters(queue).receive()
    assert dead is not None
    assert reason(dead) == (
        "MaxDeliveryCountExceeded",
        "Message could not be consumed after 3 delivery attempts.",
    )
    assert (dead.sequence_number, dead.delivery_count, dead.enqueued_at) == (1, 3, START)
    assert dead.dead_letter_source == "queue"


def test_explicit_dead_lettering(queue: Queue) -> None:
    queue.send([message("a"), message("b")])
    queue.dead_letter(token(queue.receive()), "reason", "description")
    queue.dead_letter(token(queue.receive()))
    assert bodies(queue) == []
    assert reason(dead_letters(queue).receive()) == ("reason", "description")
    assert reason(dead_letters(queue).receive()) == (None, None)


def test_dead_letters_stay_whatever_happens(make_queue: MakeQueue, clock: FakeClock) -> None:
    queue = make_queue(default_time_to_live=10)
    queue.send([message("a", ttl=5)])
    queue.dead_letter(token(queue.receive()))
    dead = dead_letters(queue)
    for _ in range(10):
        dead.abandon(token(dead.receive()))
    dead.dead_letter(token(dead.receive()))
    clock.advance(1000)
    assert bodies(dead) == ["a"]
    dead.complete(token(dead.receive()))
    assert bodies(dead) == []
    with pytest.raises(InvalidOperationError):
        dead.send([message("b")])
