"""The rules of sessions."""

import pytest

from servicebus_broker.queues.errors import (
    InvalidOperationError,
    MessageLockLostError,
    SessionCannotBeLockedError,
    SessionLockLostError,
)
from servicebus_broker.queues.queue import Queue
from servicebus_broker.queues.sessions import SessionLock
from servicebus_broker.queues.settings import FOREVER
from tests.unit.queues.conftest import (
    LOCK,
    FakeClock,
    Holder,
    MakeQueue,
    bodies,
    body,
    dead_letters,
    message,
    token,
)


@pytest.fixture
def queue(make_queue: MakeQueue) -> Queue:
    return make_queue(requires_session=True)


def accept(queue: Queue, session_id: str | None = None, holder: Holder | None = None) -> SessionLock:
    lock = queue.accept_session(session_id, holder or Holder())
    assert lock is not None
    return lock


def test_a_message_needs_a_session(queue: Queue) -> None:
    with pytest.raises(InvalidOperationError):
        queue.send([message("kept out", session="s"), message("homeless")])
    assert bodies(queue) == []


def test_a_queue_without_sessions_has_none(make_queue: MakeQueue) -> None:
    with pytest.raises(InvalidOperationError):
        make_queue().accept_session("s", Holder())


def test_a_session_gets_its_messages_only_and_in_order(queue: Queue) -> None:
    queue.send([message("a1", session="a"), message("b1", session="b"), message("a2", session="a")])
    lock = accept(queue, "a")
    first = queue.receive(lock)
    assert body(first) == "a1"
    assert body(queue.receive(lock)) == "a2"
    assert queue.receive(lock) is None
    queue.abandon(token(first))
    assert body(queue.receive(lock)) == "a1"


def test_a_session_may_be_accepted_before_it_has_messages(queue: Queue) -> None:
    holder = Holder()
    lock = accept(queue, "early", holder)
    queue.send([message("a", session="early")])
    assert holder.ready == 1
    assert body(queue.receive(lock)) == "a"


def test_a_held_session_cannot_be_locked(queue: Queue) -> None:
    lock = accept(queue, "s")
    with pytest.raises(SessionCannotBeLockedError):
        queue.accept_session("s", Holder())
    queue.release_session(lock)
    accept(queue, "s")


def test_the_next_available_session_is_the_one_that_waited_longest(queue: Queue) -> None:
    queue.send([message("b", session="b"), message("a", session="a"), message("held", session="held")])
    accept(queue, "held")
    assert accept(queue).session.id == "b"
    assert accept(queue).session.id == "a"
    assert queue.accept_session(None, Holder()) is None


def test_a_session_without_messages_is_not_available(queue: Queue) -> None:
    queue.send([message("a", session="s")])
    lock = accept(queue, "s")
    queue.complete(token(queue.receive(lock)))
    queue.release_session(lock)
    assert queue.accept_session(None, Holder()) is None


def test_released_session_returns_messages_without_counting(queue: Queue) -> None:
    queue.send([message("a", session="s"), message("b", session="s")])
    lock = accept(queue)
    lost = token(queue.receive(lock))
    queue.release_session(lock)
    with pytest.raises(MessageLockLostError):
        queue.complete(lost)
    lock = accept(queue)
    again = queue.receive(lock)
    assert again is not None
    assert (body(again), again.delivery_count) == ("a", 0)


def test_an_expired_session_lock_is_lost_and_counts(queue: Queue, clock: FakeClock) -> None:
    queue.send([message("a", session="s")])
    holder = Holder()
    lock = accept(queue, "s", holder)
    queue.receive(lock)
    assert queue.next_due() == clock.now + LOCK
    clock.advance(LOCK)
    for operation in (queue.receive, queue.renew_session, queue.session_state):
        with pytest.raises(SessionLockLostError):
            operation(lock)
    assert holder.lost == 1
    queue.release_session(lock)
    again = queue.receive(accept(queue))
    assert again is not None
    assert again.delivery_count == 1


def test_a_renewed_session_lock_keeps_its_messages(queue: Queue, clock: FakeClock) -> None:
    queue.send([message("a", session="s")])
    lock = accept(queue, "s")
    received = queue.receive(lock)
    clock.advance(LOCK - 1)
    assert queue.renew_session(lock) == clock.now + LOCK == queue.renew_lock(token(received))
    clock.advance(LOCK - 1)
    queue.complete(token(received))
    assert bodies(queue) == []


def test_session_state_survives_its_holder(queue: Queue) -> None:
    lock = accept(queue, "s")
    assert queue.session_state(lock) is None
    queue.set_session_state(lock, b"state")
    queue.release_session(lock)
    assert queue.sessions.ids_with_content() == ["s"]
    lock = accept(queue, "s")
    assert queue.session_state(lock) == b"state"
    queue.set_session_state(lock, None)
    queue.release_session(lock)
    assert len(queue.sessions) == 0


def test_a_poison_message_leaves_its_session(queue: Queue) -> None:
    queue.send([message("poison", session="s"), message("next", session="s")])
    lock = accept(queue, "s")
    for _ in range(3):
        queue.abandon(token(queue.receive(lock)))
    assert body(queue.receive(lock)) == "next"
    assert body(dead_letters(queue).receive()) == "poison"


def test_session_is_removed_when_its_messages_expire(queue: Queue, clock: FakeClock) -> None:
    queue.send([message("a", session="s", ttl=5)])
    clock.advance(5)
    assert queue.accept_session(None, Holder()) is None
    assert len(queue.sessions) == 0
    assert queue.next_due() == FOREVER


def test_scheduled_messages_reach_their_session(queue: Queue, clock: FakeClock) -> None:
    queue.send([message("later", session="s", at=clock.now + 5)])
    assert queue.accept_session(None, Holder()) is None
    clock.advance(5)
    assert body(queue.receive(accept(queue))) == "later"


def test_deferred_messages_of_a_session(queue: Queue) -> None:
    queue.send([message("a", session="s")])
    lock = accept(queue, "s")
    queue.defer(token(queue.receive(lock)))
    (deferred,) = queue.receive_deferred([1], lock)
    queue.complete(token(deferred))
    assert bodies(queue) == []


def test_peek_can_look_at_one_session(queue: Queue) -> None:
    queue.send([message("a", session="a"), message("b", session="b")])
    assert [body(each) for each in queue.peek(0, 10, "b")] == ["b"]
