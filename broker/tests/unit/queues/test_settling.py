"""Settlement of received messages."""

import pytest

from servicebus_broker.queues.errors import (
    MessageLockLostError,
    MessageNotFoundError,
)
from servicebus_broker.queues.message import MessageState
from servicebus_broker.queues.queue import Queue
from servicebus_broker.queues.settings import FOREVER
from tests.unit.queues.conftest import (
    bodies,
    body,
    dead_letters,
    message,
    properties,
    token,
)


def test_complete_removes(queue: Queue) -> None:
    queue.send([message("a")])
    queue.complete(token(queue.receive()))
    assert bodies(queue) == []
    assert queue.next_due() == FOREVER


def test_abandon_returns_the_message_to_its_place_with_its_count_raised(queue: Queue) -> None:
    queue.send([message("a"), message("b")])
    queue.abandon(token(queue.receive()))
    again = queue.receive()
    assert again is not None
    assert (body(again), again.delivery_count) == ("a", 1)


def test_release_does_not_raise_the_count(queue: Queue) -> None:
    queue.send([message("a")])
    queue.release(token(queue.receive()))
    again = queue.receive()
    assert again is not None
    assert again.delivery_count == 0


def test_a_message_is_settled_once(queue: Queue) -> None:
    queue.send([message("a")])
    lock = token(queue.receive())
    queue.complete(lock)
    with pytest.raises(MessageLockLostError):
        queue.complete(lock)


def test_deferred_messages_come_by_number_only(queue: Queue) -> None:
    queue.send([message("a")])
    queue.defer(token(queue.receive()))
    assert queue.receive() is None
    assert [each.state for each in queue.peek(0, 1)] == [MessageState.DEFERRED]
    (deferred,) = queue.receive_deferred([1])
    with pytest.raises(MessageNotFoundError):
        queue.receive_deferred([1])
    queue.abandon(token(deferred))
    assert queue.receive() is None
    (deferred,) = queue.receive_deferred([1], delete=True)
    assert bodies(queue) == []


def test_an_active_message_is_not_found_among_the_deferred(queue: Queue) -> None:
    queue.send([message("a")])
    with pytest.raises(MessageNotFoundError):
        queue.receive_deferred([1])


@pytest.mark.parametrize("how", ["abandon", "defer", "dead_letter"])
def test_settling_can_set_properties(queue: Queue, how: str) -> None:
    queue.send([message("a", properties={"kept": "k", "replaced": "old"})])
    lock, changes = token(queue.receive()), {"replaced": "new", "number": 5}
    match how:
        case "abandon":
            queue.abandon(lock, changes)
        case "defer":
            queue.defer(lock, changes)
        case _:
            queue.dead_letter(lock, "why", None, changes)
    holder = dead_letters(queue) if how == "dead_letter" else queue
    (found,) = holder.peek(0, 10)
    expected: dict[object, object] = {"kept": "k", "replaced": "new", "number": 5}
    assert properties(found) == expected | ({"DeadLetterReason": "why"} if how == "dead_letter" else {})
    assert queue.size == found.size


def test_deferred_messages_are_received_by_number_all_or_none(queue: Queue) -> None:
    queue.send([message("a"), message("b")])
    queue.defer(token(queue.receive()))
    queue.defer(token(queue.receive()))
    with pytest.raises(MessageNotFoundError):
        queue.receive_deferred([1, 3])
    assert [body(each) for each in queue.receive_deferred([2, 1, 2])] == ["b", "a"]


def test_a_deferred_message_that_fails_too_often_is_dead_lettered(queue: Queue) -> None:
    queue.send([message("a")])
    queue.defer(token(queue.receive()))
    for _ in range(3):
        (deferred,) = queue.receive_deferred([1])
        queue.abandon(token(deferred))
    with pytest.raises(MessageNotFoundError):
        queue.receive_deferred([1])
    assert bodies(dead_letters(queue)) == ["a"]
