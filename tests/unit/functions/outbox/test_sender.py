"""Sending to a bus that takes connections and then says nothing."""

import asyncio
from collections.abc import AsyncIterator

import pytest_asyncio

from functions.bus import Bus
from functions.contracts import Event, Operation
from functions.errors import Unavailable
from functions.outbox.sender import MAX_BATCH, MAX_WAITING
from functions.queues import RESULTS
from functions.settings import BusSettings


class SilentBus:
    """Counts the connections that it takes, and waits until each is closed."""

    def __init__(self) -> None:
        self.connections = 0
        self.closed = asyncio.Condition()
        self._open = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._open += 1
        await reader.read()
        writer.close()
        await writer.wait_closed()
        async with self.closed:
            self._open -= 1
            self.closed.notify_all()

    async def all_closed(self) -> None:
        async with self.closed, asyncio.timeout(20):
            await self.closed.wait_for(lambda: not self._open)


@pytest_asyncio.fixture
async def silent() -> AsyncIterator[tuple[SilentBus, Bus]]:
    service = SilentBus()
    async with await asyncio.start_server(service.serve, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        connection = (
            f"Endpoint=sb://127.0.0.1:{port};SharedAccessKeyName=key;SharedAccessKey=value;UseDevelopmentEmulator=true;"
        )
        bus = Bus(BusSettings(servicebus_connection=connection, send_timeout_s=0.5))
        yield service, bus
        await bus.close()
        await service.all_closed()


def event(number: int) -> Event:
    return Event(phase="p", operation=Operation(operation_id=f"{number:032x}", status="pending"), reply_to_session="s")


async def test_messages_that_wait_for_a_silent_bus_are_given_up_and_not_sent_later(
    silent: tuple[SilentBus, Bus],
) -> None:
    """Each batch took the time of a send: the last of 10,000 requests had its 503 after 200 s."""
    service, bus = silent
    batches = 10
    outcomes = await asyncio.gather(
        *(bus.publish(RESULTS, event(number)) for number in range(batches * MAX_BATCH)), return_exceptions=True
    )
    assert {type(outcome) for outcome in outcomes} == {Unavailable}
    assert service.connections < batches / 2


async def test_messages_that_wait_are_bounded(silent: tuple[SilentBus, Bus]) -> None:
    _, bus = silent
    outcomes = await asyncio.gather(
        *(bus.publish(RESULTS, event(number)) for number in range(MAX_WAITING + 10)), return_exceptions=True
    )
    assert sum("Too many messages" in str(outcome) for outcome in outcomes) == 10
