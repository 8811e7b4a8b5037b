"""The queue `failed`: originals of dead letters, which an operator can look at and send again."""

import asyncio
import json
import logging
from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import UUID

import azure.functions as func
from azure.core.exceptions import AzureError
from azure.servicebus import ServiceBusMessage
from azure.servicebus.aio import ServiceBusClient, ServiceBusSender

from functions.outbox.messages import OPERATIONS
from functions.outbox.sender import close_quietly, unavailable
from functions.queues import FAILED
from functions.settings import BusSettings
from functions.upstream.links import SOCKET_TIMEOUT_S, without_pauses

logger = logging.getLogger(__name__)
Properties = dict[str | bytes, int | float | bytes | bool | str | UUID]

SOURCE_QUEUE, ATTEMPTS, ENQUEUED, ORIGINAL_ID = "sourceQueue", "attempts", "enqueuedTime", "originalMessageId"
TRUNCATED_FROM = "truncatedFrom"
"""Bytes of the body before it was cut; absent while it is whole."""
MAX_PROPERTIES_BYTES = 16 * 1024
"""Of the original's own application properties; what lies beyond is left out."""
MAX_TEXT = 4096
"""Service Bus allows as much for the description of a dead letter."""
BARE_BODY_BYTES = 32 * 1024


def original(
    message: func.ServiceBusMessage, queue: str, operations: Sequence[str], max_bytes: int
) -> ServiceBusMessage:
    """The message to keep: the body as it came, and in the properties why and where it failed.

    A body larger than ``max_bytes`` is cut. The message id is the same at each delivery of one dead letter.
    """
    body = message.get_body()
    properties: Properties = {
        **_own_properties(message),
        SOURCE_QUEUE: queue,
        ATTEMPTS: max((message.delivery_count or 0) - 1, 0),  # without this delivery, the dead letter's own
        ENQUEUED: enqueued.isoformat() if (enqueued := _enqueued(message)) else "",
        ORIGINAL_ID: (message.message_id or "")[:MAX_TEXT],
        OPERATIONS: ",".join(operations),
    }
    if len(body) > max_bytes:
        properties[TRUNCATED_FROM] = len(body)
    return ServiceBusMessage(
        body[:max_bytes],
        application_properties=properties,
        message_id=_kept_id(message, queue),
        content_type=message.content_type,
        correlation_id=message.correlation_id,
        subject=message.label,
        session_id=message.session_id,
        reply_to_session_id=message.reply_to_session_id,
    )


def _bare(message: func.ServiceBusMessage, queue: str, operations: Sequence[str]) -> ServiceBusMessage:
    """What any queue takes: the beginning of the body and our own properties."""
    body = message.get_body()
    properties: Properties = {SOURCE_QUEUE: queue, OPERATIONS: ",".join(operations)}
    if len(body) > BARE_BODY_BYTES:
        properties[TRUNCATED_FROM] = len(body)
    return ServiceBusMessage(
        body[:BARE_BODY_BYTES], application_properties=properties, message_id=_kept_id(message, queue)
    )


def _kept_id(message: func.ServiceBusMessage, queue: str) -> str:
    enqueued = _enqueued(message)
    return f"{queue}:{message.sequence_number}:{enqueued.timestamp() if enqueued else ''}"[-128:]


def _enqueued(message: func.ServiceBusMessage) -> datetime | None:
    """azure-functions leaves out the time zone, which is UTC."""
    time = message.enqueued_time_utc
    return time.replace(tzinfo=UTC) if time is not None and time.tzinfo is None else time


def _own_properties(message: func.ServiceBusMessage) -> Properties:
    """The original's application properties, of which Service Bus takes plain values only.

    The SDK sends whole numbers of 32 bits; longer ones are kept as text.
    """
    kept: Properties = {}
    room = MAX_PROPERTIES_BYTES
    for name, value in (message.application_properties or {}).items():
        is_number = isinstance(value, float) or (isinstance(value, int) and -(2**31) <= value < 2**31)
        plain = value if is_number else (value if isinstance(value, str) else json.dumps(value, default=str))[:MAX_TEXT]
        room -= len(str(name).encode()) + len(str(plain).encode(errors="replace"))
        if room < 0:
            logger.warning("dead letter %s: not all of its properties are kept", message.message_id)
            break
        kept[str(name)] = plain
    return kept


class Failed:
    """Sends to the queue `failed`. Dead letters are rare, so one sender and one message at a time are enough."""

    def __init__(self, client: ServiceBusClient, settings: BusSettings) -> None:
        self._client = client
        self._settings = settings
        self._sender: ServiceBusSender | None = None
        self._sending = asyncio.Lock()  # a sender that several tasks share hangs

    async def keep(self, message: func.ServiceBusMessage, queue: str, operations: Sequence[str]) -> None:
        """Returns once the bus has the original of a dead letter of ``queue``. Raises Unavailable."""
        try:
            try:
                await self._send(original(message, queue, operations, self._settings.max_message_bytes))
            except (AzureError, ValueError, TypeError) as refused:  # the SDK has no error for what it cannot encode
                logger.warning("dead letter %s is kept without its properties: %s", message.message_id, refused)
                await self._send(_bare(message, queue, operations))
        except (AzureError, OSError, TimeoutError, ValueError) as trouble:
            raise unavailable(trouble) from trouble

    async def _send(self, message: ServiceBusMessage) -> None:
        async with self._sending:
            if self._sender is None:
                self._sender = without_pauses(self._client.get_queue_sender(FAILED, socket_timeout=SOCKET_TIMEOUT_S))
            try:
                async with asyncio.timeout(self._settings.send_timeout_s):
                    await self._sender.send_messages(message)
            except BaseException:  # also a cancellation: the next one opens another link
                sender, self._sender = self._sender, None
                await close_quietly(sender)
                raise
