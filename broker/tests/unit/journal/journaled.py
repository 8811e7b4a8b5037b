"""Queues with a journal, and messages for them."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from servicebus_broker.amqp.encode import encode
from servicebus_broker.amqp.sections import Sections, read_sections, symbol_entry, write_message
from servicebus_broker.amqp.values import Described, Timestamp, ULong
from servicebus_broker.journal.fsync import Fsync
from servicebus_broker.journal.journal import MIN_COMPACTED_SIZE, Journal
from servicebus_broker.queues.message import SCHEDULED_ENQUEUE_TIME
from servicebus_broker.queues.queue import Queue
from servicebus_broker.queues.settings import QueueSettings
from tests.unit.queues.conftest import FakeClock

SETTINGS = [
    QueueSettings("queue", max_delivery_count=3),
    QueueSettings("sessions", requires_session=True),
    QueueSettings("once", requires_duplicate_detection=True, duplicate_detection_window=100),
]
FIRST = "journal-00000001"


def make_queues(clock: FakeClock, settings: Sequence[QueueSettings]) -> list[Queue]:
    """New queues, each followed by its dead-letter queue."""
    queues = []
    for each in settings:
        dead = Queue(each.for_dead_letters(), clock)
        queues += [Queue(each, clock, dead_letters=dead), dead]
    return queues


@contextmanager
def journaled(
    folder: Path,
    clock: FakeClock,
    settings: Sequence[QueueSettings] = SETTINGS,
    compact_at: int = MIN_COMPACTED_SIZE,
    *,
    kill: bool = True,
) -> Iterator[tuple[Journal, dict[str, Queue]]]:
    """Queues restored from a folder, and their journal until it is killed or closed."""
    journal = Journal(folder, settings, clock, fsync=Fsync.NEVER, compact_at=compact_at)
    try:
        queues = make_queues(clock, journal.defined())
        journal.restore(queues)
        yield journal, {queue.name: queue for queue in queues}
    finally:
        if kill:
            journal.abandon()
        else:
            journal.close()


def wire(
    text: str,
    *,
    message_id: str | None = None,
    session: str | None = None,
    ttl: int | None = None,
    at: float | None = None,
) -> Sections:
    """A message as a client sends it; ``ttl`` in milliseconds, ``at`` in seconds."""
    annotations = {}
    if at is not None:
        annotations[SCHEDULED_ENQUEUE_TIME] = symbol_entry(SCHEDULED_ENQUEUE_TIME, Timestamp(int(at * 1000)))
    sections = Sections(
        durable=True,
        ttl=ttl,
        properties=encode(Described(ULong(0x73), [message_id, *[None] * 9, session])),
        application_properties=encode(Described(ULong(0x74), {"key": "value"})),
        body=encode(Described(ULong(0x75), text.encode())),
    )
    return read_sections(write_message(sections, 0, annotations))


def text(sections: Sections) -> str:
    return sections.body[5:].decode()


def texts(queue: Queue) -> list[str]:
    """All messages of a queue, in any state."""
    return [text(each.sections) for each in queue.peek(0, 1000)]
