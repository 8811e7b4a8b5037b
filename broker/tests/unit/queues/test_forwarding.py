"""Forwarding of messages from one queue to another."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import pytest

from servicebus_broker.amqp.sections import entry_value
from servicebus_broker.queues.errors import InvalidOperationError
from servicebus_broker.queues.forwarding import RETRY_AFTER
from servicebus_broker.queues.message import ENQUEUED_SEQUENCE_NUMBER
from servicebus_broker.queues.queue import Queue, QueueCounts
from servicebus_broker.queues.settings import FOREVER, EntityStatus
from tests.unit.queues.conftest import (
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


@dataclass
class Namespace:
    """Queues by name, each advanced as the broker would; ``advance`` ends when nothing is due."""

    make_queue: MakeQueue
    clock: Callable[[], float]
    queues: dict[str, Queue] = field(default_factory=dict)

    def add(self, name: str, **changes: object) -> Queue:
        self.queues[name] = self.make_queue(find=self.queues.get, name=name, **changes)
        return self.queues[name]

    def advance(self) -> None:
        everyone = [each for queue in self.queues.values() for each in (queue, queue.dead_letters) if each]
        while due := [each for each in everyone if each.next_due() <= self.clock()]:
            for each in due:
                each.advance()

    def update(self, queue: Queue, **changes: object) -> None:
        queue.reconfigure(replace(queue.settings, **changes))  # type: ignore[arg-type]  # tests pass what fits
        self.advance()

    def send(self, queue: Queue, *texts: str) -> None:
        queue.send([message(text) for text in texts])
        self.advance()


@pytest.fixture
def namespace(make_queue: MakeQueue, clock: FakeClock) -> Namespace:
    return Namespace(make_queue, clock)


@pytest.fixture
def target(namespace: Namespace) -> Queue:
    return namespace.add("target", max_size=1000)


@pytest.fixture
def source(namespace: Namespace, target: Queue) -> Queue:
    return namespace.add("source", forward_to="target")


def test_forwarded_messages_keep_their_order_and_get_new_numbers(
    namespace: Namespace, source: Queue, target: Queue, clock: FakeClock
) -> None:
    namespace.send(target, "there before")
    clock.advance(5)
    namespace.send(source, "a", "b")
    assert bodies(source) == []
    there, first, second = target.peek(0, 10)
    assert [body(there), body(first), body(second)] == ["there before", "a", "b"]
    assert (first.sequence_number, first.enqueued_at, first.delivery_count) == (2, START + 5, 0)
    assert [entry_value(each.sections.annotations[ENQUEUED_SEQUENCE_NUMBER]) for each in (first, second)] == [1, 2]
    assert source.counts() == QueueCounts(active=0, scheduled=0, dead_letter=0, transfer=0)
    assert source.size == 0
    assert source.next_due() == FOREVER


def test_nobody_receives_from_a_queue_that_forwards(source: Queue, target: Queue) -> None:
    source.send([message("a")])
    assert not source.has_ready
    for operation in (source.check_can_receive, source.receive):
        with pytest.raises(InvalidOperationError, match="Cannot create a message receiver on an entity with auto-f"):
            operation()
    assert body(target.receive()) == "a"


def test_a_full_target_gets_the_rest_when_it_has_room(
    namespace: Namespace, source: Queue, target: Queue, clock: FakeClock
) -> None:
    namespace.send(target, "x" * 900)
    namespace.send(source, "a" * 90, "b" * 90, "c")
    assert bodies(target) == ["x" * 900, "a" * 90]
    assert source.counts() == QueueCounts(active=0, scheduled=0, dead_letter=0, transfer=2)
    assert source.size == 91
    target.complete(token(target.receive()))
    assert source.next_due() == START + RETRY_AFTER
    clock.advance(RETRY_AFTER)
    namespace.advance()
    assert bodies(target) == ["a" * 90, "b" * 90, "c"]
    assert source.size == 0
    assert source.next_due() == FOREVER


def test_message_waiting_for_room_may_expire(
    namespace: Namespace, source: Queue, target: Queue, clock: FakeClock
) -> None:
    namespace.send(target, "x" * 1000)
    source.send([message("a", ttl=5)])
    clock.advance(5)
    namespace.advance()
    assert bodies(source) == []


@pytest.mark.parametrize("hindrance", [{"status": EntityStatus.SEND_DISABLED}, {"status": EntityStatus.DISABLED}])
def test_forwarding_waits_for_a_disabled_target(
    namespace: Namespace, source: Queue, target: Queue, clock: FakeClock, hindrance: dict[str, object]
) -> None:
    namespace.update(target, **hindrance)
    namespace.send(source, "a")
    assert source.counts().transfer == 1
    namespace.update(target, status=EntityStatus.ACTIVE)
    clock.advance(RETRY_AFTER)
    namespace.advance()
    assert bodies(target) == ["a"]


def test_forwarding_waits_for_a_missing_target(
    namespace: Namespace, source: Queue, target: Queue, clock: FakeClock
) -> None:
    del namespace.queues["target"]
    namespace.send(source, "a")
    assert source.counts().transfer == 1
    again = namespace.add("target")
    clock.advance(RETRY_AFTER)
    namespace.advance()
    assert bodies(again) == ["a"]


def test_scheduled_messages_are_forwarded_when_due(
    namespace: Namespace, source: Queue, target: Queue, clock: FakeClock
) -> None:
    source.send([message("later", at=START + 10)])
    namespace.advance()
    assert source.counts().scheduled == 1
    clock.advance(10)
    namespace.advance()
    assert bodies(target) == ["later"]


def test_switching_it_on_forwards_ready_messages_and_later_locked_ones(namespace: Namespace, target: Queue) -> None:
    queue = namespace.add("queue")
    namespace.send(queue, "locked", "waiting", "too")
    lock = token(queue.receive())
    namespace.update(queue, forward_to="target")
    assert bodies(target) == ["waiting", "too"]
    queue.abandon(lock)
    namespace.advance()
    assert bodies(target) == ["waiting", "too", "locked"]


def test_switching_it_off_makes_waiting_messages_available(namespace: Namespace, source: Queue, target: Queue) -> None:
    namespace.send(target, "x" * 1000)
    namespace.send(source, "a")
    namespace.update(source, forward_to=None)
    assert source.counts() == QueueCounts(active=1, scheduled=0, dead_letter=0, transfer=0)
    assert body(source.receive()) == "a"


def test_four_hops_are_allowed_and_the_fifth_is_not(namespace: Namespace) -> None:
    last = namespace.add("0")
    for n in range(1, 6):
        namespace.add(str(n), forward_to=str(n - 1))
    namespace.send(namespace.queues["4"], "four")
    namespace.send(namespace.queues["5"], "five")
    assert bodies(last) == ["four"]
    stranded = dead_letters(namespace.queues["1"]).receive()
    assert body(stranded) == "five"
    assert reason(stranded)[0] == "MaxTransferHopCountExceeded"


def test_a_circle_ends_in_a_dead_letter_queue(namespace: Namespace) -> None:
    here = namespace.add("here", forward_to="there")
    there = namespace.add("there", forward_to="here")
    namespace.send(here, "a")
    assert bodies(here) == bodies(there) == []
    assert bodies(dead_letters(here)) == ["a"]


def test_message_that_the_target_would_refuse_is_dead_lettered_in_its_queue(
    namespace: Namespace, source: Queue
) -> None:
    target = namespace.add("target", requires_session=True)
    source.send([message("homeless"), message("at home", session="s")])
    namespace.advance()
    assert bodies(target) == ["at home"]
    refused = dead_letters(source).receive()
    assert body(refused) == "homeless"
    assert "requires sessions" in str(reason(refused)[1])


def test_the_target_detects_duplicates(namespace: Namespace, source: Queue) -> None:
    target = namespace.add("target", requires_duplicate_detection=True)
    source.send([message("a", message_id="1"), message("b", message_id="1")])
    namespace.advance()
    assert bodies(target) == ["a"]


def test_dead_letters_can_be_forwarded(namespace: Namespace, target: Queue) -> None:
    queue = namespace.add("queue", forward_dead_letters_to="target")
    namespace.send(queue, "a")
    queue.abandon(token(queue.receive()))
    queue.dead_letter(token(queue.receive()), "reason", "description")
    namespace.advance()
    assert bodies(dead_letters(queue)) == []
    received = target.receive()
    assert received is not None
    assert reason(received) == ("reason", "description")
    assert (received.dead_letter_source, received.delivery_count) == ("queue", 0)
    with pytest.raises(InvalidOperationError, match="forwards to 'target'"):
        dead_letters(queue).receive()


def test_dead_letters_without_a_target_stay(namespace: Namespace, clock: FakeClock) -> None:
    namespace.add("target", requires_session=True)
    queue = namespace.add("queue", forward_dead_letters_to="target")
    namespace.send(queue, "a")
    queue.dead_letter(token(queue.receive()))
    namespace.advance()
    assert bodies(dead_letters(queue)) == ["a"]
    assert dead_letters(queue).next_due() == clock.now + RETRY_AFTER


def test_forwarding_continues_after_a_restart(namespace: Namespace, source: Queue, target: Queue) -> None:
    namespace.send(target, "x" * 1000)
    namespace.send(source, "a")
    contents = source.contents()
    namespace.add("target")
    again = namespace.add("source", forward_to="target")
    again.restore(contents)
    namespace.advance()
    assert bodies(namespace.queues["target"]) == ["a"]
    assert bodies(again) == []
