"""Ways into the dead-letter queue, and its messages."""

import pytest

from servicebus_broker.queues.errors import (
    InvalidOperationError,
)
from servicebus_broker.queues.queue import Queue
from tests.unit.queues.conftest import (
    LOCK,
    START,
    FakeClock,
    MakeQueue,
    bodies,
    body,
    dead_letters,
    message,
    properties,
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


def test_dead_letters_stay_until_they_are_received(make_queue: MakeQueue, clock: FakeClock) -> None:
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


@pytest.mark.parametrize("most", [1, 2, 10])
def test_message_is_delivered_up_to_the_maximum(make_queue: MakeQueue, most: int) -> None:
    queue = make_queue(max_delivery_count=most)
    queue.send([message("a")])
    counts = []
    while (received := queue.receive()) is not None:
        counts.append(received.delivery_count)
        queue.abandon(token(received))
    assert counts == list(range(most))
    (dead,) = dead_letters(queue).peek(0, 1)
    assert dead.delivery_count == most


def test_dead_letter_can_be_sent_again(queue: Queue) -> None:
    queue.send([message("a", properties={"kind": "order"})])
    queue.dead_letter(token(queue.receive()), "broken", "on a Monday")
    dead = dead_letters(queue).receive()
    assert dead is not None
    queue.send([dead.sections])
    dead_letters(queue).complete(token(dead))
    again = queue.receive()
    assert again is not None
    assert (body(again), again.delivery_count, again.sequence_number) == ("a", 0, 2)
    assert properties(again)["kind"] == "order"
    assert queue.counts().dead_letter == 0


def test_a_dead_letter_that_is_dead_lettered_stays_with_its_first_reason(queue: Queue) -> None:
    queue.send([message("a")])
    queue.dead_letter(token(queue.receive()), "first")
    graves = dead_letters(queue)
    graves.dead_letter(token(graves.receive()), "second")
    assert reason(graves.receive()) == ("first", None)
