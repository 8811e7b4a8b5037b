"""The reply address of this instance: one long-lived session receiver on `results`.

Its session id is new at every (re)connection. An instance that lost its session's lock may find that another one has
adopted the session, so it never asks for the old one back: what is left there is an orphan's, and orphans are adopted.
"""

import asyncio
import logging
import uuid
from collections import deque
from collections.abc import Iterable

from azure.core.exceptions import AzureError
from azure.servicebus import ServiceBusReceivedMessage
from azure.servicebus.aio import ServiceBusClient, ServiceBusReceiver

from functions import telemetry
from functions.backoff import retry_delay
from functions.bus_time import bus_time
from functions.contracts import Event, UnknownVersion, events_in
from functions.errors import Unavailable
from functions.predict.results import Results
from functions.queues import RESULTS
from functions.upstream.cancellation import cancel
from functions.upstream.links import SOCKET_TIMEOUT_S, trust_the_bus, without_pauses

logger = logging.getLogger(__name__)

PREFETCH = 200
RENEW_EVERY_S = 15.0
OPEN_TIMEOUT_S = 10.0
SETTLE_EVERY_S = 0.05


class Inbox:
    """Receives the events of this instance's operations and gives them to `results`."""

    def __init__(self, client: ServiceBusClient, results: Results) -> None:
        self._client = client
        self._results = results
        self._session_id = ""
        self._open = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def session_id(self) -> str:
        """The session to reply to; opens the receiver at the first call. Raises Unavailable."""
        if self._open.is_set():
            return self._session_id
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name="inbox")
        try:
            async with asyncio.timeout(OPEN_TIMEOUT_S):
                await self._open.wait()
        except TimeoutError:
            raise Unavailable("The message bus cannot be reached; try again in a moment.") from None
        return self._session_id

    async def close(self) -> None:
        if self._task is not None:
            await cancel(self._task)

    async def _run(self) -> None:
        failures = 0
        while True:
            try:
                await self._receive_one_session()
            except (AzureError, OSError, ValueError) as error:
                failures = 1 if self._open.is_set() else failures + 1
                logger.warning("inbox: %s: %s", type(error).__name__, error)
            except Exception:
                # Whatever the SDK raises, the inbox goes on with another session: requests wait for it.
                failures += 1
                logger.exception("inbox")
            self._open.clear()
            await asyncio.sleep(min(retry_delay(failures) / 4, 5))  # the bus is away: not at once again

    async def _receive_one_session(self) -> None:
        session_id = uuid.uuid4().hex
        receiver = self._client.get_queue_receiver(
            RESULTS, session_id=session_id, prefetch_count=PREFETCH, socket_timeout=SOCKET_TIMEOUT_S
        )
        async with without_pauses(receiver):
            trust_the_bus(receiver.session)
            logger.info("inbox: session %s", session_id)
            self._session_id = session_id
            self._open.set()
            await self._receive(receiver)

    async def _receive(self, receiver: ServiceBusReceiver) -> None:
        """Receive, deliver, settle and renew on this one task: settling concurrently is a hundred times slower."""
        clock = asyncio.get_running_loop().time
        renew_at = clock() + RENEW_EVERY_S
        storing: deque[tuple[ServiceBusReceivedMessage, asyncio.Task[None]]] = deque()
        while True:
            wait = SETTLE_EVERY_S if storing else max(renew_at - clock(), 0.1)
            # One at a time: with prefetch it comes from the buffer, and asking for more waits 200 ms for them.
            for message in await receiver.receive_messages(max_message_count=1, max_wait_time=wait):
                if await self._handed_over(receiver, message, storing):
                    await asyncio.sleep(0)  # the clients' answers go out first
                    await receiver.complete_message(message)
            while storing and (storing[0][1].done() or len(storing) >= PREFETCH):
                await _settle(receiver, *storing.popleft())
            if clock() >= renew_at:
                await receiver.session.renew_lock()
                trust_the_bus(receiver.session)
                renew_at = clock() + RENEW_EVERY_S

    async def _handed_over(
        self,
        receiver: ServiceBusReceiver,
        message: ServiceBusReceivedMessage,
        storing: deque[tuple[ServiceBusReceivedMessage, asyncio.Task[None]]],
    ) -> bool:
        try:
            events = events_in(b"".join(message.body))
        except UnknownVersion as unknown:
            bus_time.observe(message.enqueued_time_utc)
            if await self._results.put_off(message, b"".join(message.body), unknown):
                return True
            await receiver.dead_letter_message(message, reason="UnknownVersion")
            return False
        except (ValueError, TypeError) as error:  # TypeError: the body is an AMQP value or sequence
            # The function of the dead letters ends its operations in an error.
            logger.error("inbox: message %s holds no events: %s", message.message_id, error)
            await receiver.dead_letter_message(message, reason="MalformedEvent")
            return False
        with telemetry.active.received(RESULTS, message, events):
            rest = [event for event in events if not self._results.hand_over(event)]
        if not rest:
            return True
        bus_time.observe(message.enqueued_time_utc)  # not of all messages: only these may be published again for later
        storing.append((message, asyncio.create_task(self._store(rest))))
        return False

    async def _store(self, events: Iterable[Event]) -> None:
        for event in events:
            await self._results.store(event)


async def _settle(
    receiver: ServiceBusReceiver, message: ServiceBusReceivedMessage, delivered: asyncio.Task[None]
) -> None:
    try:
        await delivered
    except Unavailable:
        await receiver.abandon_message(message)
    except Exception:
        logger.exception("inbox: message %s cannot be delivered", message.message_id)
        await receiver.dead_letter_message(message, reason="UndeliverableEvent")
    else:
        await receiver.complete_message(message)
