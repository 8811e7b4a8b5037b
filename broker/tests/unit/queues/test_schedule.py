"""Scheduled messages."""

import pytest

from servicebus_broker.queues.errors import (
    MessageNotFoundError,
)
from servicebus_broker.queues.message import MessageState
from servicebus_broker.queues.queue import Queue, QueueCounts
from servicebus_broker.queues.settings import FOREVER
from tests.unit.queues.conftest import (
    FakeClock,
    bodies,
    body,
    message,
)


def test_scheduled_messages_are_appended_at_their_time(queue: Queue, clock: FakeClock) -> None:
    (number,) = queue.send([message("later", at=clock.now + 30)])
    queue.send([message("now")])
    assert queue.counts() == QueueCounts(active=1, scheduled=1, dead_letter=0, transfer=0)
    assert [each.state for each in queue.peek(0, 10)] == [MessageState.SCHEDULED, MessageState.ACTIVE]
    assert queue.next_due() == clock.now + 30
    clock.advance(30)
    assert [body(queue.receive()), body(queue.receive())] == ["now", "later"]
    (_, later) = queue.peek(0, 10)
    assert later.sequence_number > number
    assert later.enqueued_at == clock.now


def test_scheduled_time_in_the_past_is_now(queue: Queue, clock: FakeClock) -> None:
    queue.send([message("a", at=clock.now - 1)])
    assert body(queue.receive()) == "a"


def test_cancelling_cancels_all_or_none(queue: Queue, clock: FakeClock) -> None:
    numbers = queue.send([message("a", at=clock.now + 30), message("b", at=clock.now + 30), message("c")])
    with pytest.raises(MessageNotFoundError):
        queue.cancel([numbers[0], numbers[2]])
    queue.cancel(numbers[:2])
    assert bodies(queue) == ["c"]
    assert queue.next_due() == FOREVER


def test_a_message_can_be_cancelled_until_its_time(queue: Queue, clock: FakeClock) -> None:
    (number,) = queue.send([message("a", at=clock.now + 30)])
    clock.advance(30)
    with pytest.raises(MessageNotFoundError):
        queue.cancel([number])
    assert bodies(queue) == ["a"]


def test_scheduled_messages_are_enqueued_in_the_order_of_their_times(queue: Queue, clock: FakeClock) -> None:
    queue.send([message("third", at=clock.now + 30), message("first", at=clock.now + 10)])
    queue.send([message("second", at=clock.now + 20)])
    clock.advance(60)
    assert bodies(queue) == ["first", "second", "third"]
