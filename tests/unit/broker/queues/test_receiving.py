"""Receiving in both modes, and looking without receiving."""

from local.broker.queues.queue import Queue
from tests.unit.broker.queues.conftest import (
    LOCK,
    FakeClock,
    MakeQueue,
    bodies,
    message,
    token,
)


def test_a_received_message_is_locked(queue: Queue, clock: FakeClock) -> None:
    queue.send([message("a")])
    received = queue.receive()
    assert received is not None
    assert received.lock is not None
    assert received.lock.until == clock.now + LOCK
    assert received.delivery_count == 0
    assert queue.receive() is None


def test_receive_and_delete_removes_at_once(queue: Queue) -> None:
    queue.send([message("a")])
    received = queue.receive(delete=True)
    assert received is not None
    assert received.lock is None
    assert bodies(queue) == []


def test_peek_starts_anywhere_and_stops_in_time(queue: Queue) -> None:
    queue.send([message(str(n)) for n in range(200)])
    for _ in range(150):
        queue.complete(token(queue.receive()))
    assert [each.sequence_number for each in queue.peek(0, 2)] == [151, 152]
    assert [each.sequence_number for each in queue.peek(199, 5)] == [199, 200]
    assert queue.peek(201, 5) == []


def test_the_owner_hears_when_messages_become_ready(make_queue: MakeQueue, clock: FakeClock) -> None:
    heard: list[Queue] = []
    settings = make_queue().settings
    queue = Queue(settings, clock, dead_letters=Queue(settings, clock), on_ready=heard.append)
    queue.send([message("a"), message("later", at=clock.now + 5)])
    assert heard == [queue]
    lock = token(queue.receive())
    queue.abandon(lock)
    assert heard == [queue] * 2
    clock.advance(5)
    queue.advance()
    assert heard == [queue] * 3
