"""Receiving in both modes, and peeking."""

from servicebus_broker.queues.queue import Queue, QueueCounts
from servicebus_broker.queues.settings import FOREVER
from tests.unit.queues.conftest import (
    LOCK,
    FakeClock,
    MakeQueue,
    bodies,
    body,
    dead_letters,
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


def test_owner_is_told_when_messages_become_ready(make_queue: MakeQueue, clock: FakeClock) -> None:
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


def test_receive_and_delete_leaves_nothing_to_settle(queue: Queue, clock: FakeClock) -> None:
    queue.send([message("a")])
    queue.receive(delete=True)
    clock.advance(LOCK)
    assert queue.receive() is None
    assert queue.next_due() == FOREVER


def test_peek_shows_every_state_and_locks_nothing(queue: Queue, clock: FakeClock) -> None:
    queue.send([message("locked"), message("deferred"), message("active"), message("later", at=clock.now + 5)])
    first = token(queue.receive())
    queue.defer(token(queue.receive()))
    for _ in range(2):
        peeked = queue.peek(0, 10)
        assert [(body(each), each.state.name) for each in peeked] == [
            ("locked", "ACTIVE"),
            ("deferred", "DEFERRED"),
            ("active", "ACTIVE"),
            ("later", "SCHEDULED"),
        ]
    assert body(queue.receive()) == "active"
    queue.complete(first)


def test_counts(make_queue: MakeQueue, clock: FakeClock) -> None:
    queue = make_queue()
    queue.send([message(str(n)) for n in range(4)])
    queue.send([message("later", at=clock.now + 5)])
    queue.receive()
    queue.defer(token(queue.receive()))
    queue.dead_letter(token(queue.receive()))
    assert queue.counts() == QueueCounts(active=3, scheduled=1, dead_letter=1, transfer=0)
    assert dead_letters(queue).counts() == QueueCounts(active=1, scheduled=0, dead_letter=0, transfer=0)
