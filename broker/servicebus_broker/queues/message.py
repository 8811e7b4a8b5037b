"""A message in a queue: the sections that the client sent, and the state that the queue adds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum

from servicebus_broker.amqp.sections import Sections, entry_value, symbol_entry, with_application_properties
from servicebus_broker.queues.settings import FOREVER

SCHEDULED_ENQUEUE_TIME = "x-opt-scheduled-enqueue-time"
ENQUEUED_SEQUENCE_NUMBER = "x-opt-enqueue-sequence-number"


class MessageState(IntEnum):
    """The values of the annotation ``x-opt-message-state``."""

    ACTIVE = 0
    DEFERRED = 1
    SCHEDULED = 2


@dataclass(slots=True)
class Lock:
    """The right to settle a message: for the holder of ``token`` (16 bytes), until ``until``."""

    token: bytes
    until: float


@dataclass(slots=True)
class Message:
    """Times are running times; ``expires_at`` of a scheduled message is the time for which it is scheduled.

    ``dead_letter_source`` names the queue that a dead letter came from.

    ``size`` is in bytes, of all sections that are kept. ``hops`` counts the forwardings since the message was sent, or
    since the broker started.
    """

    sections: Sections
    sequence_number: int
    enqueued_at: float
    expires_at: float
    state: MessageState = MessageState.ACTIVE
    delivery_count: int = 0
    lock: Lock | None = None
    dead_letter_source: str | None = None
    hops: int = field(default=0, compare=False)
    size: int = field(init=False)

    def __post_init__(self) -> None:
        self.size = _size(self.sections)

    @property
    def session_id(self) -> str | None:
        return self.sections.session_id

    def set_properties(self, properties: Mapping[str, object]) -> None:
        """Add or replace application properties."""
        sections = self.sections
        sections.application_properties = with_application_properties(sections.application_properties, properties)
        self.size = _size(sections)

    def become_dead_letter(self, source: str, reason: str | None, description: str | None) -> None:
        """Note in the application properties why the message left ``source``; it does not expire any more."""
        details = {"DeadLetterReason": reason, "DeadLetterErrorDescription": description}
        self.set_properties({key: value for key, value in details.items() if value is not None})
        self.dead_letter_source = source
        self.state = MessageState.ACTIVE
        self.expires_at = FOREVER

    def become_forwarded(self) -> None:
        """Prepare for the next queue: note the number in the first queue, and reset the delivery count."""
        annotations = self.sections.annotations
        if ENQUEUED_SEQUENCE_NUMBER not in annotations:
            annotations[ENQUEUED_SEQUENCE_NUMBER] = symbol_entry(ENQUEUED_SEQUENCE_NUMBER, self.sequence_number)
            self.size = _size(self.sections)
        self.hops += 1
        self.delivery_count = 0


def scheduled_enqueue_time(sections: Sections) -> float | None:
    """The time, by the machine's clock, when the sender wants a message enqueued. Raises DecodeError."""
    entry = sections.annotations.get(SCHEDULED_ENQUEUE_TIME)
    milliseconds = entry_value(entry) if entry else None
    return milliseconds / 1000 if isinstance(milliseconds, int) else None


def _size(sections: Sections) -> int:
    size = len(sections.body) + len(sections.properties) + len(sections.application_properties)
    if sections.annotations:
        size += sum(map(len, sections.annotations.values()))
    return size
