"""Publishing to Service Bus: one sender a queue, kept for the process's life, whose concurrent sends are merged.

Opening a sender costs half a second and a batch costs the SDK a quarter of single sends, so every publish goes through
one task a queue that sends whatever has gathered. That task alone touches the sender: sharing one between tasks hangs.
"""

import asyncio
import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from azure.core.exceptions import AzureError
from azure.servicebus import ServiceBusMessage, ServiceBusMessageBatch
from azure.servicebus.aio import ServiceBusClient, ServiceBusSender
from azure.servicebus.exceptions import MessageSizeExceededError

from functions.contracts import CheckTraining, Event, RunModel, StartTraining, command_of
from functions.errors import OnDemandError, RequestTooLarge, Unavailable
from functions.settings import BusSettings

logger = logging.getLogger(__name__)

TRAIN, RESULTS = "train", "results"
MAX_BATCH = 500
"""Messages taken into one batch; a batch ends earlier at the service's size limit."""


def connect(settings: BusSettings) -> ServiceBusClient:
    """A client by connection string, or by workload identity when only the namespace is named."""
    # Retries are ours (a failed publish is a 503 or a later retry), so that a dead bus answers fast.
    if settings.servicebus_connection:
        return ServiceBusClient.from_connection_string(
            settings.servicebus_connection, retry_total=1, retry_backoff_factor=0.1
        )
    from azure.identity.aio import DefaultAzureCredential

    namespace = settings.servicebus_connection__fullyqualifiednamespace or ""
    credential = DefaultAzureCredential(managed_identity_client_id=settings.servicebus_connection__clientid)
    return ServiceBusClient(namespace, credential, retry_total=1, retry_backoff_factor=0.1)


def encode(message: RunModel | StartTraining | CheckTraining | Event, at: datetime | None = None) -> ServiceBusMessage:
    """The Service Bus message of ours. What a dead letter must tell of its client is in properties, not in the body."""
    if isinstance(message, Event):
        operation, reply_to, traceparent = message.operation.run_id, None, message.traceparent
    else:
        command = command_of(message)
        operation, reply_to, traceparent = command.operation, command.reply_to_session, command.traceparent
    return ServiceBusMessage(
        message.to_json(),
        content_type="application/json",
        subject=message.kind,
        message_id=message.message_id,
        correlation_id=operation,
        session_id=message.reply_to_session if isinstance(message, Event) else None,
        reply_to_session_id=reply_to,
        scheduled_enqueue_time_utc=at,
        application_properties={"traceparent": traceparent} if traceparent else {},
    )


@dataclass
class _Outgoing:
    message: ServiceBusMessage
    sent: asyncio.Future[None] = field(default_factory=lambda: asyncio.get_running_loop().create_future())


class _Outbox:
    """The sender of one queue and the messages that wait for it."""

    def __init__(self, client: ServiceBusClient, queue: str, timeout: float) -> None:
        self._client = client
        self._queue = queue
        self._timeout = timeout
        self._waiting: asyncio.Queue[_Outgoing] = asyncio.Queue(maxsize=10_000)
        self._sender: ServiceBusSender | None = None
        self._opening = asyncio.Lock()
        self._task = asyncio.create_task(self._run(), name=f"outbox {queue}")

    async def put(self, message: ServiceBusMessage) -> None:
        """Returns once the bus has accepted the message. Raises Unavailable."""
        outgoing = _Outgoing(message)
        try:
            self._waiting.put_nowait(outgoing)
        except asyncio.QueueFull:
            raise Unavailable(f"Too many messages wait for the queue {self._queue}; try again in a moment.") from None
        await outgoing.sent

    async def open(self) -> ServiceBusSender:
        async with self._opening:
            if self._sender is None:
                sender = self._client.get_queue_sender(self._queue)
                try:
                    await sender.create_message_batch()  # opens the link: it must know the link's size limit
                except BaseException:
                    await _close_quietly(sender)
                    raise
                self._sender = sender
            return self._sender

    async def close(self) -> None:
        self._task.cancel()
        await asyncio.wait([self._task])
        await self._drop_sender()

    async def _run(self) -> None:
        while True:
            batch = [await self._waiting.get()]
            while not self._waiting.empty() and len(batch) < MAX_BATCH:
                batch.append(self._waiting.get_nowait())
            for group in _by_session(batch):
                await self._send(group)

    async def _send(self, group: Sequence[_Outgoing]) -> None:
        try:
            async with asyncio.timeout(self._timeout):
                sender = await self.open()
                await _send_in_batches(sender, group)
            error: OnDemandError | None = None
        except MessageSizeExceededError:
            error = _too_large()
        except (AzureError, OSError, TimeoutError, ValueError) as trouble:
            logger.warning("queue %s: %s: %s", self._queue, type(trouble).__name__, trouble)
            error = _unavailable(trouble)
            await self._drop_sender()
        for outgoing in group:
            if outgoing.sent.done():
                continue
            if error is None:
                outgoing.sent.set_result(None)
            else:
                outgoing.sent.set_exception(error)

    async def _drop_sender(self) -> None:
        sender, self._sender = self._sender, None
        if sender is not None:
            await _close_quietly(sender)


def _unavailable(error: Exception) -> Unavailable:
    problem = Unavailable("The message bus cannot be reached; try again in a moment.")
    problem.__cause__ = error
    return problem


def _by_session(batch: Sequence[_Outgoing]) -> Iterable[list[_Outgoing]]:
    """A partitioned entity takes a batch only if all its messages have the same session."""
    groups: dict[str | None, list[_Outgoing]] = {}
    for outgoing in batch:
        groups.setdefault(outgoing.message.session_id, []).append(outgoing)
    return groups.values()


async def _send_in_batches(sender: ServiceBusSender, group: Sequence[_Outgoing]) -> None:
    if len(group) == 1:
        await sender.send_messages(group[0].message)
        return
    batch, filled = await sender.create_message_batch(), list[_Outgoing]()
    for outgoing in group:
        if not _fits(batch, outgoing):
            if filled:
                await sender.send_messages(batch)
                _all_sent(filled)
            batch, filled = await sender.create_message_batch(), []
            if not _fits(batch, outgoing):  # too large alone: its neighbours have nothing to do with it
                outgoing.sent.set_exception(_too_large())
                continue
        filled.append(outgoing)
    if filled:
        await sender.send_messages(batch)
        _all_sent(filled)


def _fits(batch: ServiceBusMessageBatch, outgoing: _Outgoing) -> bool:
    try:
        batch.add_message(outgoing.message)
    except MessageSizeExceededError:
        return False
    return True


def _too_large() -> RequestTooLarge:
    return RequestTooLarge("The request is larger than a message may be; lower MAX_MESSAGE_BYTES.")


def _all_sent(filled: Iterable[_Outgoing]) -> None:
    for outgoing in filled:
        if not outgoing.sent.done():
            outgoing.sent.set_result(None)


async def _close_quietly(sender: ServiceBusSender) -> None:
    try:
        async with asyncio.timeout(2):
            await sender.close()
    except (AzureError, OSError, TimeoutError) as error:
        logger.info("closing a sender: %s", error)


class Bus:
    """Publishes our messages; a publish that returned was accepted by Service Bus."""

    def __init__(self, settings: BusSettings) -> None:
        self.settings = settings
        self.client = connect(settings)
        self._outboxes: dict[str, _Outbox] = {}

    async def open(self, *queues: str) -> None:
        """Open the senders of these queues now, so that no client pays for it. Raises Unavailable."""
        try:
            async with asyncio.timeout(self.settings.send_timeout_s):
                await asyncio.gather(*(self._outbox(queue).open() for queue in queues))
        except (AzureError, OSError, TimeoutError, ValueError) as error:
            raise _unavailable(error) from error

    async def publish(
        self, queue: str, message: RunModel | StartTraining | CheckTraining | Event, at: datetime | None = None
    ) -> None:
        """Raises Unavailable when the bus did not accept the message."""
        await self._outbox(queue).put(encode(message, at))

    async def close(self) -> None:
        await asyncio.gather(*(outbox.close() for outbox in self._outboxes.values()))
        await self.client.close()

    def _outbox(self, queue: str) -> _Outbox:
        if queue not in self._outboxes:
            self._outboxes[queue] = _Outbox(self.client, queue, self.settings.send_timeout_s)
        return self._outboxes[queue]
