"""Queues on a clock that stands still until the test moves it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from itertools import count
from types import MappingProxyType

import pytest

from servicebus_broker.amqp.sections import (
    Sections,
    read_application_properties,
    symbol_entry,
    with_application_properties,
)
from servicebus_broker.amqp.values import Timestamp
from servicebus_broker.queues.message import SCHEDULED_ENQUEUE_TIME, Message
from servicebus_broker.queues.queue import Queue
from servicebus_broker.queues.settings import QueueSettings

START = 1_000_000.0
LOCK = 60.0


@dataclass
class FakeClock:
    """``ahead`` is how far the machine's clock was set forward."""

    now: float = START
    ahead: float = 0

    def __call__(self) -> float:
        return self.now

    def to_wall(self, running: float) -> float:
        return running + self.ahead

    def told_until(self, running: float) -> float:
        return running + max(0, self.ahead)

    def from_wall(self, wall: float) -> float:
        return wall - self.ahead

    def advance(self, seconds: float) -> None:
        self.now += seconds


@dataclass
class Holder:
    """A session's holder that counts the calls."""

    lost: int = 0
    ready: int = 0

    def session_lost(self) -> None:
        self.lost += 1

    def session_ready(self) -> None:
        self.ready += 1


_numbers = count()

MakeQueue = Callable[..., Queue]


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def make_queue(clock: FakeClock) -> MakeQueue:
    """Makes a queue, with its dead-letter queue, from changes to a lock of 60 s and 3 deliveries."""

    def make(find: Callable[[str], Queue | None] = lambda name: None, **changes: object) -> Queue:
        settings = replace(QueueSettings("queue", lock_duration=LOCK, max_delivery_count=3), **changes)  # type: ignore[arg-type]  # tests pass what fits
        return Queue(settings, clock, dead_letters=Queue(settings.for_dead_letters(), clock, find=find), find=find)

    return make


@pytest.fixture
def queue(make_queue: MakeQueue) -> Queue:
    return make_queue()


def message(
    body: str = "",
    *,
    message_id: str | None = None,
    session: str | None = None,
    ttl: float | None = None,
    at: float | None = None,
    properties: Mapping[str, object] = MappingProxyType({}),
    annotations: Mapping[str, object] = MappingProxyType({}),
) -> Sections:
    """A message to send, with an id that takes no room unless one is given; ``ttl`` and ``at`` in seconds."""
    message_id = message_id or f"message {next(_numbers)}"
    sections = Sections(body=body.encode(), message_id=message_id, session_id=session)
    sections.annotations = {key: symbol_entry(key, value) for key, value in annotations.items()}
    if properties:
        sections.application_properties = with_application_properties(b"", properties)
    if ttl is not None:
        sections.ttl = int(ttl * 1000)
    if at is not None:
        sections.annotations[SCHEDULED_ENQUEUE_TIME] = symbol_entry(SCHEDULED_ENQUEUE_TIME, Timestamp(int(at * 1000)))
    return sections


def properties(received: Message | None) -> dict[object, object]:
    """The application properties of a received message."""
    assert received is not None
    return read_application_properties(received.sections)


def body(received: Message | None) -> str | None:
    """The body of a received message."""
    return received.sections.body.decode() if received else None


def token(received: Message | None) -> bytes:
    """The lock token of a received message."""
    assert received is not None
    assert received.lock is not None
    return received.lock.token


def bodies(queue: Queue) -> list[str]:
    """All bodies in the queue, in any state."""
    return [each.sections.body.decode() for each in queue.peek(0, 100)]


def dead_letters(queue: Queue) -> Queue:
    """The queue's dead-letter queue."""
    assert queue.dead_letters is not None
    return queue.dead_letters


def reason(dead: Message | None) -> tuple[object, object]:
    """The reason why a message was dead-lettered."""
    return properties(dead).get("DeadLetterReason"), properties(dead).get("DeadLetterErrorDescription")
