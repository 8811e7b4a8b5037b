"""Duplicate detection."""

import pytest

from servicebus_broker.queues.errors import MessageNotFoundError, MessageSizeExceededError
from servicebus_broker.queues.queue import Queue
from tests.unit.queues.conftest import (
    FakeClock,
    MakeQueue,
    bodies,
    message,
    token,
)


def test_duplicates_within_the_window_are_dropped(make_queue: MakeQueue, clock: FakeClock) -> None:
    queue = make_queue(requires_duplicate_detection=True, duplicate_detection_window=100)
    queue.send([message("a", message_id="1"), message("b", message_id="1"), message("c", message_id="2")])
    queue.complete(token(queue.receive()))
    clock.advance(99)
    queue.send([message("d", message_id="1"), message("no id"), message("no id")])
    assert bodies(queue) == ["c", "no id", "no id"]
    clock.advance(1)
    queue.send([message("e", message_id="1")])
    assert bodies(queue)[-1] == "e"


def test_a_scheduled_message_counts_for_duplicate_detection(make_queue: MakeQueue, clock: FakeClock) -> None:
    queue = make_queue(requires_duplicate_detection=True)
    queue.send([message("a", message_id="1", at=clock.now + 30)])
    queue.send([message("b", message_id="1")])
    clock.advance(30)
    queue.advance()
    assert bodies(queue) == ["a"]


def test_without_duplicate_detection_ids_may_repeat(queue: Queue) -> None:
    queue.send([message("a", message_id="1"), message("b", message_id="1")])
    assert bodies(queue) == ["a", "b"]


def test_a_duplicate_of_a_scheduled_message_has_its_number(make_queue: MakeQueue, clock: FakeClock) -> None:
    queue = make_queue(requires_duplicate_detection=True)
    (number,) = queue.send([message("a", message_id="1", at=clock.now + 30)])
    assert queue.send([message("again", message_id="1", at=clock.now + 40)]) == [number]
    queue.cancel([number])
    assert bodies(queue) == []
    (other,) = queue.send([message("still a duplicate", message_id="1", at=clock.now + 50)])
    assert other > number
    with pytest.raises(MessageNotFoundError):
        queue.cancel([other])


def test_only_the_number_of_the_same_scheduled_message_is_given(make_queue: MakeQueue, clock: FakeClock) -> None:
    queue = make_queue(requires_duplicate_detection=True, duplicate_detection_window=15)
    queue.send([message("without an id", at=clock.now + 60), message("first", message_id="1", at=clock.now + 30)])
    clock.advance(20)
    (second,) = queue.send([message("second", message_id="1", at=clock.now + 30)])
    clock.advance(10)
    assert queue.send([message("None", message_id="None")]) == [5]
    assert queue.send([message("second again", message_id="1")]) == [second] == [3]


def test_a_message_that_is_refused_is_not_remembered(make_queue: MakeQueue) -> None:
    queue = make_queue(requires_duplicate_detection=True, max_message_size=10)
    with pytest.raises(MessageSizeExceededError):
        queue.send([message("too long a text", message_id="1")])
    queue.send([message("short", message_id="1")])
    assert bodies(queue) == ["short"]
