"""The size of a queue and its limit."""

import pytest

from servicebus_broker.queues.errors import MessageSizeExceededError, QuotaExceededError
from servicebus_broker.queues.queue import Queue
from tests.unit.queues.conftest import (
    FakeClock,
    Holder,
    MakeQueue,
    bodies,
    dead_letters,
    message,
    token,
)


@pytest.fixture
def queue(make_queue: MakeQueue) -> Queue:
    return make_queue(max_size=100, dead_letter_on_expiration=True)


def test_full_queue_refuses_messages_and_tells_its_size(queue: Queue) -> None:
    queue.send([message("x" * 90), message("x" * 10)])
    with pytest.raises(QuotaExceededError) as refusal:
        queue.send([message("y")])
    assert refusal.value.condition == "amqp:resource-limit-exceeded"
    assert "'queue'. Size of entity in bytes:100, Max entity size in bytes: 100" in refusal.value.description
    queue.complete(token(queue.receive()))
    queue.send([message("y")])
    assert queue.size == 11


def test_a_batch_that_does_not_fit_is_refused_as_a_whole(queue: Queue) -> None:
    with pytest.raises(QuotaExceededError):
        queue.send([message("x" * 60), message("x" * 60)])
    assert bodies(queue) == []


def test_every_removal_frees_room(queue: Queue, clock: FakeClock) -> None:
    queue.send([message("completed"), message("deleted"), message("deferred"), message("dies", ttl=5)])
    (scheduled,) = queue.send([message("scheduled", at=clock.now + 10)])
    assert (
        queue.size == sum(each.size for each in queue.peek(0, 10)) == len("completeddeleteddeferreddiesscheduled") + 39
    )
    queue.complete(token(queue.receive()))
    queue.receive(delete=True)
    queue.defer(token(queue.receive()))
    queue.receive_deferred([3], delete=True)
    queue.cancel([scheduled])
    assert queue.size == len("dies")
    clock.advance(5)
    queue.advance()
    graves = dead_letters(queue)
    assert queue.size == graves.size == sum(each.size for each in graves.peek(0, 10)) > len("dies")
    graves.complete(token(graves.receive()))
    assert queue.size == 0


def test_dead_letters_count_for_the_size_of_their_queue(queue: Queue) -> None:
    queue.send([message("x" * 100)])
    queue.dead_letter(token(queue.receive()), "reason")
    with pytest.raises(QuotaExceededError):
        queue.send([message("y")])


def test_properties_headers_and_annotations_count(make_queue: MakeQueue) -> None:
    queue = make_queue()
    sections = message("body", properties={"a": "b"}, annotations={"x-opt-via": "c"})
    queue.send([sections])
    assert queue.size == len(sections.body) + len(sections.application_properties) + sum(
        map(len, sections.annotations.values())
    )


def test_session_states_count_for_the_size(make_queue: MakeQueue) -> None:
    queue = make_queue(requires_session=True, max_size=100, max_message_size=60)
    lock = queue.accept_session("id", Holder())
    assert lock is not None
    with pytest.raises(MessageSizeExceededError):
        queue.set_session_state(lock, b"x" * 61)
    queue.set_session_state(lock, b"x" * 60)
    assert queue.size == 62
    with pytest.raises(QuotaExceededError):
        queue.send([message("x" * 39, session="id")])
    queue.send([message("x" * 38, session="id")])
    with pytest.raises(QuotaExceededError):
        queue.set_session_state(queue.accept_session("other", Holder()), b"x")  # type: ignore[arg-type]  # it is a lock
    queue.set_session_state(lock, b"shorter")
    assert queue.size == 47
    queue.set_session_state(lock, None)
    assert queue.size == 38


def test_restored_messages_count_for_the_size(make_queue: MakeQueue) -> None:
    queue, again = make_queue(requires_session=True), make_queue(requires_session=True)
    queue.send([message("a", session="s", properties={"a": "b"})])
    lock = queue.accept_session("s", Holder())
    assert lock is not None
    queue.set_session_state(lock, b"state")
    again.restore(queue.contents())
    assert again.size == queue.size > 0
