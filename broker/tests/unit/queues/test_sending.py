"""Messages that a queue accepts or refuses."""

import pytest

from servicebus_broker.amqp.sections import Sections
from servicebus_broker.queues.errors import (
    ArgumentError,
    InvalidOperationError,
    MessageSizeExceededError,
    QueueError,
)
from servicebus_broker.queues.queue import Queue
from tests.unit.queues.conftest import (
    MakeQueue,
    bodies,
    body,
    message,
)


def test_messages_come_in_the_order_they_were_sent(queue: Queue) -> None:
    assert queue.send([message("a"), message("b")]) == [1, 2]
    queue.send([message("c")])
    assert [body(queue.receive()) for _ in range(4)] == ["a", "b", "c", None]


def test_a_message_without_an_id_gets_one(make_queue: MakeQueue) -> None:
    queue = make_queue(requires_duplicate_detection=True)
    queue.send([Sections(), Sections(), message("c", message_id="mine")])
    ids = [str(each.sections.message_id) for each in queue.peek(0, 3)]
    assert ids[2] == "mine"
    assert all(len(each) == 32 for each in ids[:2])
    assert ids[0] != ids[1]


def test_ids_have_a_limit(queue: Queue) -> None:
    queue.send([message(message_id="x" * 128)])
    with pytest.raises(ArgumentError):
        queue.send([message("kept out"), message(message_id="x" * 129)])
    with pytest.raises(ArgumentError):
        queue.send([message(session="x" * 129)])
    assert len(queue.peek(0, 10)) == 1


@pytest.mark.parametrize(
    ("refused", "error"),
    [
        (message(message_id="x" * 129), ArgumentError),
        (message(session="x" * 129), ArgumentError),
        (message(annotations={"x-opt-partition-key": "x" * 129}), ArgumentError),
        (message(session="s", annotations={"x-opt-partition-key": "p"}), InvalidOperationError),
        (message(properties={"a": "x" * (32 * 1024 + 1)}), ArgumentError),
        (message(properties={"a": "x" * 32_000, "b": "x" * 32_000, "c": "x" * 2_000}), ArgumentError),
        (message("x" * 1001), MessageSizeExceededError),
    ],
    ids=["message id", "session id", "partition key", "other partition", "property", "properties", "size"],
)
def test_limits(make_queue: MakeQueue, refused: Sections, error: type[QueueError]) -> None:
    queue = make_queue(max_message_size=1000 if error is MessageSizeExceededError else 1024 * 1024)
    with pytest.raises(error):
        queue.send([message("kept out too"), refused])
    assert bodies(queue) == []
    assert queue.size == 0


def test_message_just_within_the_limits_is_accepted(make_queue: MakeQueue) -> None:
    queue = make_queue(max_message_size=66_000)
    queue.send([message("x" * 66_000)])
    queue.send([message(session="s", annotations={"x-opt-partition-key": "s"})])
    queue.send([message(properties={"a": "x" * 31_000, "b": "x" * 31_000})])
    assert queue.counts().active == 3


def test_batch_is_accepted_as_a_whole_or_not_at_all(make_queue: MakeQueue) -> None:
    queue = make_queue(requires_duplicate_detection=True)
    with pytest.raises(ArgumentError):
        queue.send([message("a", message_id="1"), message("b", message_id="x" * 129)])
    assert bodies(queue) == []
    assert queue.send([message("a", message_id="1"), message("b")]) == [1, 2]
    assert bodies(queue) == ["a", "b"]
