"""Request and reply: a queue of requests, and a session of replies for each requesting process.

Both ends run in this process, on one event loop. Only one task uses each sender and receiver, and messages that gather
while a sender is busy are sent as one batch.
"""

from __future__ import annotations

import asyncio
import itertools
import statistics
import time
import uuid
from contextlib import AsyncExitStack

from azure.servicebus import ServiceBusMessage
from azure.servicebus.aio import ServiceBusReceiver, ServiceBusSender

from benchmarks.process import Sample, ServerProcess, metered
from benchmarks.sdk import BODY, PREFETCH, WARM_UP, connect

IDLE_WAIT = 0.2  # seconds; how long one empty receive waits


class Outbox:
    """A sender whose concurrent sends are merged."""

    def __init__(self, sender: ServiceBusSender) -> None:
        self._sender = sender
        self._waiting: asyncio.Queue[ServiceBusMessage] = asyncio.Queue()

    def put(self, message: ServiceBusMessage) -> None:
        """Send it as soon as the sender is free."""
        self._waiting.put_nowait(message)

    async def run(self) -> None:
        """Send until cancelled."""
        while True:
            messages = [await self._waiting.get()]
            while not self._waiting.empty():
                messages.append(self._waiting.get_nowait())
            await self._sender.send_messages(messages[0] if len(messages) == 1 else messages)


class Requests:
    """The requesting side: pending requests by correlation id."""

    def __init__(self, session_id: str, outbox: Outbox, stopping: asyncio.Event) -> None:
        self._session_id = session_id
        self._outbox = outbox
        self._stopping = stopping
        self._pending: dict[str, asyncio.Future[None]] = {}
        self._numbers = itertools.count()

    async def ask(self) -> float:
        """Send a request and wait for the reply; returns seconds."""
        correlation_id = str(next(self._numbers))
        replied = self._pending[correlation_id] = asyncio.get_running_loop().create_future()
        begun = time.perf_counter()
        self._outbox.put(ServiceBusMessage(BODY, correlation_id=correlation_id, reply_to_session_id=self._session_id))
        await replied
        return time.perf_counter() - begun

    async def run(self, receiver: ServiceBusReceiver) -> None:
        """Take replies until stopped."""
        while not self._stopping.is_set():
            for message in await receiver.receive_messages(1, max_wait_time=IDLE_WAIT):
                self._pending.pop(str(message.correlation_id)).set_result(None)
                await receiver.complete_message(message)


async def reply(receiver: ServiceBusReceiver, outbox: Outbox, stopping: asyncio.Event) -> None:
    """The answering side, until stopped."""
    while not stopping.is_set():
        for message in await receiver.receive_messages(1, max_wait_time=IDLE_WAIT):
            outbox.put(
                ServiceBusMessage(BODY, correlation_id=message.correlation_id, session_id=message.reply_to_session_id)
            )
            await receiver.complete_message(message)


async def measure(server: ServerProcess, count: int, sample: Sample) -> None:
    """Add ``reply`` (one requester) and ``reply8`` (eight): rate and CPU of a request, p50 and p99 in milliseconds."""
    session_id = uuid.uuid4().hex
    async with AsyncExitStack() as stack:
        asking, answering = [await stack.enter_async_context(connect(server)) for _ in range(2)]
        outbox = Outbox(await stack.enter_async_context(asking.get_queue_sender("requests")))
        replies = Outbox(await stack.enter_async_context(answering.get_queue_sender("replies")))
        inbox = await stack.enter_async_context(
            asking.get_queue_receiver("replies", session_id=session_id, prefetch_count=PREFETCH)
        )
        work = await stack.enter_async_context(answering.get_queue_receiver("requests", prefetch_count=PREFETCH))
        stopping = asyncio.Event()
        requests = Requests(session_id, outbox, stopping)
        sending = [asyncio.create_task(each.run()) for each in (outbox, replies)]
        receiving = [asyncio.create_task(each) for each in (requests.run(inbox), reply(work, replies, stopping))]
        try:
            await _ask(requests, WARM_UP, 1)
            for name, requesters in (("reply", 1), ("reply8", 8)):
                with metered(sample, name, count, server):
                    seconds = await _ask(requests, count // requesters, requesters)
                sample[f"{name}.p50_ms"] = statistics.median(seconds) * 1000
                sample[f"{name}.p99_ms"] = statistics.quantiles(seconds, n=100)[98] * 1000
        finally:
            # A receive is not cancelled: its wait_for may swallow the cancellation in Python 3.11.
            stopping.set()
            await asyncio.gather(*receiving)
            for task in sending:
                task.cancel()
            await asyncio.wait(sending)


async def _ask(requests: Requests, each: int, requesters: int) -> list[float]:
    async def ask_in_turn() -> list[float]:
        return [await requests.ask() for _ in range(each)]

    async with asyncio.TaskGroup() as group:
        asking = [group.create_task(ask_in_turn()) for _ in range(requesters)]
    return [seconds for task in asking for seconds in task.result()]
