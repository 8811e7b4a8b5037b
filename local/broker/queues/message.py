"""A message in a queue: what the client sent, and what the queue knows about it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING

from local.broker.amqp.sections import Sections, entry_value, with_application_properties
from local.broker.queues.settings import FOREVER

if TYPE_CHECKING:
    from local.broker.queues.sessions import Session


SCHEDULED_ENQUEUE_TIME = "x-opt-scheduled-enqueue-time"


class MessageState(IntEnum):
    """The values of the annotation ``x-opt-message-state``."""

    ACTIVE = 0
    DEFERRED = 1
    SCHEDULED = 2


@dataclass(slots=True)
class Lock:
    """Who may settle a message: the holder of ``token`` (16 bytes), until ``until``."""

    token: bytes
    until: float
    session: Session | None = None


@dataclass(slots=True)
class Message:
    """Times are seconds since the Unix epoch. ``dead_letter_source`` names the queue a dead letter came from."""

    sections: Sections
    sequence_number: int
    enqueued_at: float
    expires_at: float
    state: MessageState = MessageState.ACTIVE
    delivery_count: int = 0
    lock: Lock | None = None
    dead_letter_source: str | None = None

    @property
    def session_id(self) -> str | None:
        return self.sections.session_id

    def become_dead_letter(self, source: str, reason: str | None, description: str | None) -> None:
        """Say, in the application properties, why the message left ``source``; it does not expire any more."""
        details = {"DeadLetterReason": reason, "DeadLetterErrorDescription": description}
        self.sections.application_properties = with_application_properties(
            self.sections.application_properties,
            {key: value for key, value in details.items() if value is not None},
        )
        self.dead_letter_source = source
        self.state = MessageState.ACTIVE
        self.expires_at = FOREVER


def scheduled_enqueue_time(sections: Sections) -> float | None:
    """When the sender wants a message enqueued. Raises DecodeError."""
    entry = sections.annotations.get(SCHEDULED_ENQUEUE_TIME)
    milliseconds = entry_value(entry) if entry else None
    return milliseconds / 1000 if isinstance(milliseconds, int) else None
