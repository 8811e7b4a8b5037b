"""What happens to a message of a schema version that this code does not know: another try later, unchanged.

While a new version is rolled out, its pods and ours receive from the same queues. A message that goes back to its
queue at once would come here again ten times within a second, and then be a dead letter.
"""

import hashlib
import logging
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

import orjson

from functions import telemetry
from functions.backoff import retry_delay
from functions.bus_time import bus_time
from functions.contracts import UnknownVersion, Unread
from functions.publisher import Publisher
from functions.telemetry.names import RETRIES

logger = logging.getLogger(__name__)

ATTEMPT, GIVE_UP_AT = "attempt", "giveUpAt"
"""Application properties of a message that was put off."""
USUAL = timedelta(hours=1)
LONGEST = timedelta(hours=25)
"""The longest deadline: a day for the training, and the time in queues."""
LONGEST_ID = 100
"""Characters of an id that is kept as it is."""
MAX_ID = 128
"""Characters of an id or a session id."""


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
    delay, latest = timedelta(seconds=retry_delay(attempt)), bus_time.latest()
    give_up_at = min(_time(properties.get(GIVE_UP_AT)) or _deadline(body) or latest + USUAL, latest + LONGEST)
    if latest + delay >= give_up_at:
        logger.error("message %s is given up: %s", message.message_id, reason)
        return False
    logger.warning("message %s is put off by %.0f s: %s", message.message_id, delay.total_seconds(), reason)
    again = Unread(
        body=body,
        kind=_text(message.subject or ""),
        message_id=_message_id(message, body, properties, attempt),
        correlation_id=_id(message.correlation_id),
        session_id=_id(message.session_id),
        reply_to_session_id=_id(message.reply_to_session_id),
        properties=properties | {ATTEMPT: str(attempt), GIVE_UP_AT: give_up_at.isoformat()},
    )
    telemetry.active.count(RETRIES, queue)
    await publisher.publish(queue, again, at=bus_time.of_message() + delay)
    return True


def _message_id(message: Received, body: bytes, properties: Mapping[str, str], attempt: int) -> str:
    """Another one for each attempt: duplicate detection would drop the message.

    Service Bus takes 128 characters. A message of another client may need all of them, or have no id.
    """
    first = _text(message.message_id or "").removesuffix(f":later:{properties.get(ATTEMPT)}")
    if not 0 < len(first) <= LONGEST_ID:
        first = hashlib.sha256(first.encode() or body).hexdigest()
    return f"{first}:later:{attempt}"


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


def _id(value: object) -> str | None:
    """An id of AMQP may also be a number, bytes or a UUID. One longer than Service Bus takes is not ours."""
    text = None if value is None else _text(value)
    return text if text is None or len(text) <= MAX_ID else None


def _text(value: object) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)
