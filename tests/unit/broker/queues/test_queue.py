"""The rules of a queue without sessions, one by one, by a clock that the test moves."""

import pytest

from local.broker.queues.errors import (
    ArgumentError,
    InvalidOperationError,
    MessageLockLostError,
    MessageNotFoundError,
)
from local.broker.queues.message import MessageState
from local.broker.queues.queue import Queue, QueueCounts
from local.broker.queues.settings import FOREVER
from tests.unit.broker.queues.conftest import (
    LOCK,
    START,
    FakeClock,
    MakeQueue,
    bodies,
    body,
    dead_letters,
    message,
    reason,
    token,
)


@pytest.fixture
def queue(make_queue: MakeQueue) -> Queue:
    return make_queue()


def test_messages_come_in_the_order_they_were_sent(queue: Queue) -> None:
    assert queue.send([message("a"), message("b")]) == [1, 2]
    queue.send([message("c")])
    assert [body(queue.receive()) for _ in range(4)] == ["a", "b", "c", None]


def test_a_received_message_is_locked(queue: Queue, clock: FakeClock) -> None:
    queue.send([message("a")])
    received = queue.receive()
    assert received is not None
    assert received.lock is not None
    assert received.lock.until == clock.now + LOCK
    assert received.delivery_count == 0
    assert queue.receive() is None


def test_complete_removes(queue: Queue) -> None:
    queue.send([message("a")])
    queue.complete(token(queue.receive()))
    assert bodies(queue) == []
    assert queue.next_due() == FOREVER


def test_receive_and_delete_removes_at_once(queue: Queue) -> None:
    queue.send([message("a")])
    received = queue.receive(delete=True)
    assert received is not None
    assert received.lock is None
    assert bodies(queue) == []


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


def test_an_expired_lock_raises_the_count_and_cannot_settle(queue: Queue, clock: FakeClock) -> None:
    queue.send([message("a")])
    lost = token(queue.receive())
    clock.advance(LOCK - 1)
    assert queue.receive() is None
    clock.advance(1)
    for settle in (queue.complete, queue.abandon, queue.release, queue.defer, queue.dead_letter, queue.renew_lock):
        with pytest.raises(MessageLockLostError):
            settle(lost)
    again = queue.receive()
    assert again is not None
    assert (body(again), again.delivery_count) == ("a", 1)


def test_a_message_is_settled_once(queue: Queue) -> None:
    queue.send([message("a")])
    lock = token(queue.receive())
    queue.complete(lock)
    with pytest.raises(MessageLockLostError):
        queue.complete(lock)


def test_a_renewed_lock_lasts_a_lock_duration_from_now(queue: Queue, clock: FakeClock) -> None:
    queue.send([message("a")])
    lock = token(queue.receive())
    clock.advance(LOCK - 1)
    assert queue.renew_lock(lock) == clock.now + LOCK
    clock.advance(LOCK - 1)
    queue.complete(lock)


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


def test_expired_messages_are_dead_lettered_where_the_queue_says_so(make_queue: MakeQueue, clock: FakeClock) -> None:
    queue = make_queue(dead_letter_on_expiration=True)
    queue.send([message("a", ttl=5)])
    clock.advance(5)
    queue.advance()
    assert reason(dead_letters(queue).receive())[0] == "TTLExpiredException"


def test_a_locked_message_expires_only_when_it_is_given_back(make_queue: MakeQueue, clock: FakeClock) -> None:
    queue = make_queue(dead_letter_on_expiration=True)
    queue.send([message("a", ttl=5), message("b", ttl=5)])
    first, second = token(queue.receive()), token(queue.receive())
    clock.advance(6)
    queue.complete(first)
    queue.abandon(second)
    assert bodies(queue) == []
    assert bodies(dead_letters(queue)) == ["b"]


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


def test_a_time_in_the_past_is_now(queue: Queue, clock: FakeClock) -> None:
    queue.send([message("a", at=clock.now - 1)])
    assert body(queue.receive()) == "a"


def test_the_time_to_live_of_a_scheduled_message_starts_when_it_is_enqueued(queue: Queue, clock: FakeClock) -> None:
    queue.send([message("a", at=clock.now + 30, ttl=5)])
    clock.advance(34)
    assert bodies(queue) == ["a"]
    assert queue.next_due() == clock.now + 5


def test_cancelling_takes_all_or_nothing(queue: Queue, clock: FakeClock) -> None:
    numbers = queue.send([message("a", at=clock.now + 30), message("b", at=clock.now + 30), message("c")])
    with pytest.raises(MessageNotFoundError):
        queue.cancel([numbers[0], numbers[2]])
    queue.cancel(numbers[:2])
    assert bodies(queue) == ["c"]
    assert queue.next_due() == FOREVER


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


def test_peek_starts_anywhere_and_stops_in_time(queue: Queue) -> None:
    queue.send([message(str(n)) for n in range(200)])
    for _ in range(150):
        queue.complete(token(queue.receive()))
    assert [each.sequence_number for each in queue.peek(0, 2)] == [151, 152]
    assert [each.sequence_number for each in queue.peek(199, 5)] == [199, 200]
    assert queue.peek(201, 5) == []


def test_ids_have_a_limit(queue: Queue) -> None:
    queue.send([message(message_id="x" * 128)])
    with pytest.raises(ArgumentError):
        queue.send([message("kept out"), message(message_id="x" * 129)])
    with pytest.raises(ArgumentError):
        queue.send([message(session="x" * 129)])
    assert len(queue.peek(0, 10)) == 1


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
