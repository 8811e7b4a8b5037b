"""Closing what reads from azure-servicebus ends, although a cancellation may be lost."""

import asyncio
import sys
from typing import cast

from azure.servicebus.aio import ServiceBusClient
from obstore.store import MemoryStore

from functions.operations import Operations
from functions.outbox.sender import Outbox
from functions.predict.inbox import Inbox
from functions.predict.results import Results
from functions.upstream.cancellation import cancel
from tests.unit.functions.publishers import RecordingPublisher


class DeafClient:
    """Stands where azure-servicebus does; its link loses the first cancellation, as `wait_for` of Python 3.11 may."""

    def __init__(self) -> None:
        self.waiting = asyncio.Event()
        self.lost = 0

    async def lose_one(self) -> None:
        self.waiting.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.lost += 1
        await asyncio.Event().wait()

    def get_queue_receiver(self, queue: str, **_options: object) -> "DeafLink":
        return DeafLink(self)

    def get_queue_sender(self, queue: str, **_options: object) -> "DeafLink":
        return DeafLink(self)


class DeafLink:
    def __init__(self, client: DeafClient) -> None:
        self.client = client

    async def __aenter__(self) -> None:
        await self.client.lose_one()

    async def __aexit__(self, *_error: object) -> None:
        raise AssertionError("it never opened")

    async def create_message_batch(self) -> None:
        await self.client.lose_one()

    async def close(self) -> None:
        pass


async def test_wait_for_loses_a_cancellation() -> None:
    """Once Python 3.11 is no longer supported, functions/upstream/cancellation.py can go."""
    result = asyncio.get_running_loop().create_future()
    task = asyncio.create_task(asyncio.wait_for(result, 60))
    await asyncio.sleep(0)  # it waits
    result.set_result("read")
    task.cancel()
    await asyncio.wait({task})
    assert task.cancelled() == (sys.version_info >= (3, 12))


async def test_a_lost_cancellation_is_repeated() -> None:
    client = DeafClient()
    task = asyncio.create_task(client.lose_one())
    await client.waiting.wait()
    async with asyncio.timeout(20):
        await cancel(task)
    assert task.cancelled()
    assert client.lost == 1


async def test_the_inbox_closes_although_its_cancellation_is_lost() -> None:
    client = DeafClient()
    inbox = Inbox(
        cast(ServiceBusClient, client), Results(Operations(MemoryStore()), RecordingPublisher(), max_waiting=1)
    )
    opening = asyncio.create_task(inbox.session_id())
    await client.waiting.wait()
    async with asyncio.timeout(20):
        await inbox.close()
    assert client.lost == 1
    opening.cancel()


async def test_the_outbox_closes_although_its_cancellation_is_lost() -> None:
    client = DeafClient()
    outbox = Outbox(cast(ServiceBusClient, client), "results", timeout=60, max_bytes=1000)
    await client.waiting.wait()
    async with asyncio.timeout(20):
        await outbox.close()
    assert client.lost == 1
