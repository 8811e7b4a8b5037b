"""What a queue takes."""

import pytest

from local.broker.queues.errors import (
    ArgumentError,
)
from local.broker.queues.queue import Queue
from tests.unit.broker.queues.conftest import (
    body,
    message,
)


def test_messages_come_in_the_order_they_were_sent(queue: Queue) -> None:
    assert queue.send([message("a"), message("b")]) == [1, 2]
    queue.send([message("c")])
    assert [body(queue.receive()) for _ in range(4)] == ["a", "b", "c", None]


def test_ids_have_a_limit(queue: Queue) -> None:
    queue.send([message(message_id="x" * 128)])
    with pytest.raises(ArgumentError):
        queue.send([message("kept out"), message(message_id="x" * 129)])
    with pytest.raises(ArgumentError):
        queue.send([message(session="x" * 129)])
    assert len(queue.peek(0, 10)) == 1
