"""A message of the queue `failed`, and which of them are meant."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from azure.servicebus import ServiceBusReceivedMessage


@dataclass(frozen=True)
class DeadLetter:
    """What the properties of a kept message tell; ``number`` is its sequence number in the queue `failed`."""

    number: int
    queue: str
    reason: str
    description: str
    attempts: int | None
    operations: tuple[str, ...]
    enqueued: str
    failed: datetime | None
    message_id: str
    kept_id: str
    content_type: str
    subject: str
    trace: str
    size: int
    truncated_from: int | None

    @classmethod
    def of(cls, message: ServiceBusReceivedMessage, queue: str = "") -> DeadLetter:
        """``queue`` is where the message failed, if its properties do not tell."""
        properties = _text_properties(message.application_properties or {})

        def number(name: str) -> int | None:
            value = properties.get(name, "")
            return int(value) if value.isdecimal() else None

        return cls(
            number=message.sequence_number or 0,
            queue=properties.get("sourceQueue", queue),
            reason=properties.get("DeadLetterReason", ""),
            description=properties.get("DeadLetterErrorDescription", ""),
            attempts=number("attempts"),
            operations=tuple(each for each in properties.get("operations", "").split(",") if each),
            enqueued=properties.get("enqueuedTime", ""),
            failed=message.enqueued_time_utc,
            message_id=properties.get("originalMessageId", str(message.message_id or "")),
            kept_id=str(message.message_id),
            content_type=message.content_type or "",
            subject=message.subject or "",
            trace=properties.get("traceparent", ""),
            size=len(body_of(message)),
            truncated_from=number("truncatedFrom"),
        )


@dataclass(frozen=True)
class Selection:
    """Every condition that is given must hold; without one, every message is meant."""

    numbers: frozenset[int] = frozenset()
    queue: str | None = None
    operation: str | None = None
    failed_before: datetime | None = None
    failed_after: datetime | None = None

    @property
    def is_everything(self) -> bool:
        return self == Selection()

    def matches(self, letter: DeadLetter) -> bool:
        return (
            (not self.numbers or letter.number in self.numbers)
            and self.queue in (None, letter.queue)
            and (self.operation is None or self.operation in letter.operations)
            and (self.failed_before is None or (letter.failed is not None and letter.failed < self.failed_before))
            and (self.failed_after is None or (letter.failed is not None and letter.failed >= self.failed_after))
        )


def body_of(message: ServiceBusReceivedMessage) -> bytes:
    """The app keeps each body as bytes."""
    return b"".join(message.body)


def _text_properties(properties: Mapping[str | bytes, object]) -> dict[str, str]:
    return {_text(name): _text(value) for name, value in properties.items()}


def _text(value: object) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)
