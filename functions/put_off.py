"""What happens to a message of a schema version that this code does not know: another try later, unchanged.

While a new version is rolled out, its pods and ours receive from the same queues. A message that goes back to its
queue at once would come here again ten times within a second, and then be a dead letter.
"""

import logging
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

import orjson

from functions.backoff import retry_delay
from functions.bus_time import bus_time
from functions.contracts import UnknownVersion, Unread
from functions.publisher import Publisher

logger = logging.getLogger(__name__)

ATTEMPT, GIVE_UP_AT = "attempt", "giveUpAt"
"""Application properties of a message that was put off."""
USUAL = timedelta(hours=1)
LONGEST = timedelta(hours=25)
"""The longest deadline: a day for the training, and the time in queues."""


class Received(Protocol):
    """A message as the worker hands it over, or as the SDK does."""

    @property
    def message_id(self) -> str | None: ...
    @property
    def subject(self) -> str | None: ...
    @property
    def correlation_id(self) -> str | None: ...
    @property
    def session_id(self) -> str | None: ...
    @property
    def reply_to_session_id(self) -> str | None: ...
    @property
    def application_properties(self) -> Mapping[Any, Any] | None: ...


async def put_off(publisher: Publisher, queue: str, message: Received, body: bytes, reason: UnknownVersion) -> bool:
    """Publish the message again for later. False when its deadline is over: it is to become a dead letter, by which
    its client gets an outcome. Raises Unavailable.
    """
    properties = {_text(name): _text(value) for name, value in (message.application_properties or {}).items()}
    attempt = 1 + _number(properties.get(ATTEMPT, ""))
    now = bus_time.now()
    give_up_at = min(_time(properties.get(GIVE_UP_AT)) or _deadline(body) or now + USUAL, now + LONGEST)
    delay = timedelta(seconds=retry_delay(attempt))
    if now + delay >= give_up_at:
        logger.error("message %s is given up: %s", message.message_id, reason)
        return False
    at = bus_time.of_message() + delay
    logger.warning("message %s is put off until %s: %s", message.message_id, f"{at:%FT%TZ}", reason)
    again = Unread(
        body=body,
        kind=message.subject or "",
        message_id=_message_id(message, properties, attempt),
        correlation_id=message.correlation_id,
        session_id=message.session_id,
        reply_to_session_id=message.reply_to_session_id,
        properties=properties | {ATTEMPT: str(attempt), GIVE_UP_AT: give_up_at.isoformat()},
    )
    await publisher.publish(queue, again, at=at)
    return True


def _message_id(message: Received, properties: Mapping[str, str], attempt: int) -> str:
    """Another one for each attempt: duplicate detection would drop the message."""
    first = (message.message_id or "").removesuffix(f":later:{properties.get(ATTEMPT)}")
    return f"{first[:100]}:later:{attempt}"


def _deadline(body: bytes) -> datetime | None:
    """The latest deadline in the body, if it has the field where we have it."""
    return max(_deadlines(body), default=None)


def _deadlines(body: bytes) -> Iterator[datetime]:
    content = orjson.loads(body)
    for each in content if isinstance(content, list) else [content]:
        command = each.get("command", each) if isinstance(each, dict) else None
        if isinstance(command, dict) and (deadline := _time(command.get("deadline"))) is not None:
            yield deadline


def _time(text: object) -> datetime | None:
    try:
        time = datetime.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        return None
    return time.replace(tzinfo=UTC) if time is not None and time.tzinfo is None else time


def _number(text: str) -> int:
    return int(text) if text.isdecimal() and len(text) < 6 else 0


def _text(value: object) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)
