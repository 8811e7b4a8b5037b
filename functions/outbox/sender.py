"""The sender of one queue, kept for the process's life, whose concurrent sends are merged.

Opening a sender is a dialogue of nine frames and a batch costs the SDK a quarter of single sends, so every publish goes
through one task a queue that sends all messages that have gathered. That task alone uses the sender: a sender that
several tasks share hangs.

The messages that gathered during a send go as one batch. The first of them lingers for others only while requests are
in flight, and then for milliseconds: a lone client loses nothing. Under load the sender never produces more messages
a second than the receiver can settle one by one.
"""

import asyncio
import logging
from collections.abc import Iterable, Sequence

from azure.core.exceptions import AzureError
from azure.servicebus import ServiceBusMessage, ServiceBusMessageBatch
from azure.servicebus.aio import ServiceBusClient, ServiceBusSender
from azure.servicebus.exceptions import MessageSizeExceededError

from functions.errors import OnDemandError, RequestTooLarge, Unavailable
from functions.outbox.messages import Publication, encode
from functions.outbox.packing import SharedMessage, linger, pack
from functions.upstream.cancellation import cancel
from functions.upstream.links import SOCKET_TIMEOUT_S, without_pauses

logger = logging.getLogger(__name__)

MAX_WAITING = 10_000
MAX_BATCH = 500
"""Messages taken into one batch; a batch ends earlier at the service's size limit."""


class Outbox:
    """The waiting messages of one queue, and the task that sends them."""

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
        """Returns once the bus has accepted the message. Raises Unavailable or RequestTooLarge.

        A message gets the time of two sends: one that is under way when it comes, and its own. However many wait while
        the bus is away, none waits longer.
        """
        try:
            self._waiting.put_nowait(publication)
        except asyncio.QueueFull:
            raise Unavailable(f"Too many messages wait for the queue {self._queue}; try again in a moment.") from None
        # Each request pays for this: `asyncio.timeout` takes four times as long.
        timer = asyncio.get_running_loop().call_later(2 * self._timeout, _give_up, publication)
        try:
            await publication.accepted
        finally:
            timer.cancel()

    async def open(self) -> ServiceBusSender:
        async with self._opening:
            if self._sender is None:
                sender = without_pauses(self._client.get_queue_sender(self._queue, socket_timeout=SOCKET_TIMEOUT_S))
                try:
                    await sender.create_message_batch()  # opens the link: it must know the link's size limit
                except BaseException:  # also a cancellation: a link half open must not stay
                    await close_quietly(sender)
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
            await self._send_batch(await self._waiting.get())

    async def _send_batch(self, first: Publication) -> None:
        batch = [first]
        if seconds := linger(first.in_flight):
            await asyncio.sleep(seconds)
        while not self._waiting.empty() and len(batch) < MAX_BATCH:
            batch.append(self._waiting.get_nowait())
        wanted = [each for each in batch if not each.accepted.done()]  # the others were given up while they waited
        for group in _by_session(wanted):
            await self._send(pack(group, self._max_bytes))

    async def _send(self, messages: Sequence[SharedMessage]) -> None:
        try:
            async with asyncio.timeout(self._timeout):
                await _send_in_batches(await self.open(), messages)
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
        for each in messages:
            each.failed(error)

    async def _drop_sender(self) -> None:
        sender, self._sender = self._sender, None
        if sender is not None:
            await close_quietly(sender)


def _give_up(publication: Publication) -> None:
    publication.failed(unavailable(TimeoutError("the message was not sent in time")))


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


async def _send_in_batches(sender: ServiceBusSender, messages: Sequence[SharedMessage]) -> None:
    """Raises MessageSizeExceededError for a message that goes alone; in company it fails alone."""
    if len(messages) == 1:
        await sender.send_messages(encode(messages[0].publications))
        messages[0].accepted()
        return
    batch, filled = await sender.create_message_batch(), list[SharedMessage]()
    for shared in messages:
        message = encode(shared.publications)
        if not _fits(batch, message):
            if filled:
                await _send_batch(sender, batch, filled)
            batch, filled = await sender.create_message_batch(), []
            if not _fits(batch, message):  # too large alone: its neighbours have nothing to do with it
                shared.failed(_too_large())
                continue
        filled.append(shared)
    if filled:
        await _send_batch(sender, batch, filled)


async def _send_batch(sender: ServiceBusSender, batch: ServiceBusMessageBatch, filled: Iterable[SharedMessage]) -> None:
    await sender.send_messages(batch)
    for each in filled:
        each.accepted()


def _fits(batch: ServiceBusMessageBatch, message: ServiceBusMessage) -> bool:
    try:
        batch.add_message(message)
    except MessageSizeExceededError:
        return False
    return True


def _too_large() -> RequestTooLarge:
    return RequestTooLarge("The request is larger than a message may be; lower MAX_MESSAGE_BYTES.")


async def close_quietly(sender: ServiceBusSender) -> None:
    try:
        async with asyncio.timeout(2):
            await sender.close()
    except (AzureError, OSError, TimeoutError) as error:
        logger.info("closing a sender: %s", error)
