"""The sender of one queue, kept for the process's life, whose concurrent sends are merged.

Opening a sender is a dialogue of nine frames and a batch costs the SDK a quarter of single sends, so every publish goes
through one task a queue that sends whatever has gathered. That task alone touches the sender: sharing one between tasks
hangs.

Predictions and their answers may even share a message: to receive and settle one costs both ends, and the bill of
Service Bus, more than a prediction does. What gathered during a send goes together. The first of them waits for the
others only while many are under way, and then for milliseconds: a client alone loses nothing, and whatever the load,
there are no more messages than the other end can take in singly.
"""

import asyncio
import logging
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from azure.core.exceptions import AzureError
from azure.servicebus import ServiceBusMessage, ServiceBusMessageBatch
from azure.servicebus.aio import ServiceBusClient, ServiceBusSender
from azure.servicebus.exceptions import MessageSizeExceededError

from functions.cancellation import cancel
from functions.contracts import AnyMessage, Event, command_of
from functions.errors import OnDemandError, RequestTooLarge, Unavailable
from functions.links import SOCKET_TIMEOUT_S, without_pauses

logger = logging.getLogger(__name__)

MAX_WAITING = 10_000
MAX_BATCH = 500
"""Messages taken into one batch; a batch ends earlier at the service's size limit."""
MAX_TOGETHER = 32
"""Commands or events in one message: what a redelivery repeats, and what one replica gets at once."""
WAIT_PER_OTHER_S, MAX_WAIT_S = 0.0005, 0.010
"""For company, while others are under way."""
OPERATIONS = "operations"
"""Application property of a message with several commands: their operations, should its body be unreadable."""


@dataclass
class Publication:
    """What `Bus.publish` was given. ``together``: it may share a message with its like; ``others`` are under way."""

    message: AnyMessage
    at: datetime | None = None
    together: bool = False
    others: int = 0
    accepted: asyncio.Future[None] = field(default_factory=lambda: asyncio.get_running_loop().create_future())

    def __post_init__(self) -> None:
        self.body = self.message.to_json()

    @property
    def session_id(self) -> str | None:
        return self.message.reply_to_session if isinstance(self.message, Event) else None

    @property
    def reply_to_session_id(self) -> str | None:
        return None if isinstance(self.message, Event) else command_of(self.message).reply_to_session

    @property
    def operation(self) -> str:
        message = self.message
        return str(message.operation.run_id) if isinstance(message, Event) else command_of(message).operation


def encode(publications: Sequence[Publication]) -> ServiceBusMessage:
    """One message of ours, or several of a kind that share one.

    What a dead letter must tell of its clients is in the properties: its body may be what is wrong with it.
    """
    first = publications[0]
    properties: dict[str | bytes, str] = {}
    if len(publications) == 1:
        message, body, message_id, operation = first.message, first.body, first.message.message_id, first.operation
        traceparent = message.traceparent if isinstance(message, Event) else command_of(message).traceparent
        if traceparent:
            properties["traceparent"] = traceparent
    else:
        body, message_id, operation = (
            b"[" + b",".join(each.body for each in publications) + b"]",
            uuid.uuid4().hex,
            None,
        )
        properties[OPERATIONS] = ",".join(each.operation for each in publications)
    return ServiceBusMessage(
        body,
        content_type="application/json",
        subject=first.message.kind,
        message_id=message_id,
        correlation_id=operation,
        session_id=first.session_id,
        reply_to_session_id=first.reply_to_session_id,
        scheduled_enqueue_time_utc=first.at,
        application_properties=dict(properties),
    )


class Parcel:
    """A Service Bus message in the making."""

    def __init__(self, publication: Publication) -> None:
        self.publications = [publication]
        self._bytes = len(publication.body)

    def add(self, publication: Publication, max_bytes: int) -> bool:
        """Whether there was room for one more."""
        if len(self.publications) >= MAX_TOGETHER or self._bytes + len(publication.body) > max_bytes:
            return False
        self.publications.append(publication)
        self._bytes += len(publication.body)
        return True

    def accepted(self) -> None:
        for each in self.publications:
            if not each.accepted.done():
                each.accepted.set_result(None)

    def failed(self, error: OnDemandError) -> None:
        for each in self.publications:
            if not each.accepted.done():
                each.accepted.set_exception(error)


def pack(publications: Iterable[Publication], max_bytes: int) -> list[Parcel]:
    """What may go together does, in the order it came: commands and events of one kind and one instance of predict."""
    parcels: list[Parcel] = []
    last: dict[tuple[str, str | None], Parcel] = {}
    for publication in publications:
        addressee = publication.message.kind, publication.session_id or publication.reply_to_session_id
        if publication.together and addressee in last and last[addressee].add(publication, max_bytes):
            continue
        parcels.append(Parcel(publication))
        if publication.together:
            last[addressee] = parcels[-1]
    return parcels


def wait_for_company(others: int) -> float:
    """Seconds that the first message of a batch waits while so many are under way."""
    return min(others * WAIT_PER_OTHER_S, MAX_WAIT_S)


class Outbox:
    def __init__(self, client: ServiceBusClient, queue: str, timeout: float, max_bytes: int) -> None:
        self._client = client
        self._queue = queue
        self._timeout = timeout
        self._max_bytes = max_bytes
        self._waiting: asyncio.Queue[Publication] = asyncio.Queue(MAX_WAITING)
        self._sender: ServiceBusSender | None = None
        self._opening = asyncio.Lock()
        self._task = asyncio.create_task(self._run(), name=f"outbox {queue}")

    async def put(self, publication: Publication) -> None:
        """Returns once the bus has accepted the message. Raises Unavailable or RequestTooLarge."""
        try:
            self._waiting.put_nowait(publication)
        except asyncio.QueueFull:
            raise Unavailable(f"Too many messages wait for the queue {self._queue}; try again in a moment.") from None
        await publication.accepted

    async def open(self) -> ServiceBusSender:
        async with self._opening:
            if self._sender is None:
                sender = without_pauses(self._client.get_queue_sender(self._queue, socket_timeout=SOCKET_TIMEOUT_S))
                try:
                    await sender.create_message_batch()  # opens the link: it must know the link's size limit
                except BaseException:  # also a cancellation: a link half open must not stay
                    await _close_quietly(sender)
                    raise
                self._sender = sender
            return self._sender

    async def close(self) -> None:
        await cancel(self._task)
        await self._drop_sender()

    async def _run(self) -> None:
        try:
            async with asyncio.timeout(self._timeout):
                await self.open()
        except Exception as trouble:  # noqa: BLE001  # the first message tries again, and says it
            logger.info("queue %s: %s", self._queue, trouble)
        while True:
            batch = [await self._waiting.get()]
            if wait := wait_for_company(batch[0].others):
                await asyncio.sleep(wait)  # company shares its message
            while not self._waiting.empty() and len(batch) < MAX_BATCH:
                batch.append(self._waiting.get_nowait())
            for group in _by_session(batch):
                await self._send(pack(group, self._max_bytes))

    async def _send(self, parcels: Sequence[Parcel]) -> None:
        try:
            async with asyncio.timeout(self._timeout):
                await _send_in_batches(await self.open(), parcels)
            return
        except MessageSizeExceededError:
            error: OnDemandError = _too_large()
        except (AzureError, OSError, TimeoutError, ValueError) as trouble:
            logger.warning("queue %s: %s: %s", self._queue, type(trouble).__name__, trouble)
            error = unavailable(trouble)
        except Exception as bug:
            # Whatever the SDK raises, this task goes on: without it every later publish would wait for ever.
            logger.exception("queue %s", self._queue)
            error = unavailable(bug)
        await self._drop_sender()
        for parcel in parcels:
            parcel.failed(error)

    async def _drop_sender(self) -> None:
        sender, self._sender = self._sender, None
        if sender is not None:
            await _close_quietly(sender)


def unavailable(error: Exception) -> Unavailable:
    """The trouble of the bus as our error."""
    problem = Unavailable("The message bus cannot be reached; try again in a moment.")
    problem.__cause__ = error
    return problem


def _by_session(batch: Sequence[Publication]) -> Iterable[list[Publication]]:
    """A partitioned entity takes a batch only if all its messages have the same session."""
    groups: dict[str | None, list[Publication]] = {}
    for publication in batch:
        groups.setdefault(publication.session_id, []).append(publication)
    return groups.values()


async def _send_in_batches(sender: ServiceBusSender, parcels: Sequence[Parcel]) -> None:
    """Raises MessageSizeExceededError for a message that goes alone; in company it fails alone."""
    if len(parcels) == 1:
        await sender.send_messages(encode(parcels[0].publications))
        parcels[0].accepted()
        return
    batch, filled = await sender.create_message_batch(), list[Parcel]()
    for parcel in parcels:
        message = encode(parcel.publications)
        if not _fits(batch, message):
            if filled:
                await _send_batch(sender, batch, filled)
            batch, filled = await sender.create_message_batch(), []
            if not _fits(batch, message):  # too large alone: its neighbours have nothing to do with it
                parcel.failed(_too_large())
                continue
        filled.append(parcel)
    if filled:
        await _send_batch(sender, batch, filled)


async def _send_batch(sender: ServiceBusSender, batch: ServiceBusMessageBatch, filled: Iterable[Parcel]) -> None:
    await sender.send_messages(batch)
    for parcel in filled:
        parcel.accepted()


def _fits(batch: ServiceBusMessageBatch, message: ServiceBusMessage) -> bool:
    try:
        batch.add_message(message)
    except MessageSizeExceededError:
        return False
    return True


def _too_large() -> RequestTooLarge:
    return RequestTooLarge("The request is larger than a message may be; lower MAX_MESSAGE_BYTES.")


async def _close_quietly(sender: ServiceBusSender) -> None:
    try:
        async with asyncio.timeout(2):
            await sender.close()
    except (AzureError, OSError, TimeoutError) as error:
        logger.info("closing a sender: %s", error)
