"""Publishing through the real SDK to a real broker."""

import asyncio
import os
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import pytest_asyncio
from azure.servicebus.aio import ServiceBusClient
from servicebus_broker.clock import SystemClock
from servicebus_broker.queues.settings import QueueSettings
from servicebus_broker.server import Server
from servicebus_broker.service.broker import Broker
from servicebus_broker.service.shared_key import SharedKey

from functions.bus import Bus
from functions.contracts import Event, Operation
from functions.errors import RequestTooLarge, Unavailable
from functions.queues import RESULTS
from functions.settings import BusSettings
from ondemand.stack import Stack
from tests.integration.functions.certificates import write_certificate

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest_asyncio.fixture
async def bus(stack: Stack) -> AsyncIterator[Bus]:
    bus = Bus(BusSettings(servicebus_connection=stack.addresses.servicebus_connection, send_timeout_s=5))
    yield bus
    await bus.close()


def event(number: int, session: str = "one", result: object = None) -> Event:
    operation = Operation(operation_id=f"{number:032x}", status="completed", result=result)
    return Event(phase="outcome", operation=operation, reply_to_session=session)


async def received(stack: Stack, session: str, count: int) -> list[str]:
    async with (
        ServiceBusClient.from_connection_string(stack.addresses.servicebus_connection) as client,
        client.get_queue_receiver(RESULTS, session_id=session, prefetch_count=100) as receiver,
    ):
        ids: list[str] = []
        while len(ids) < count:
            messages = await receiver.receive_messages(max_message_count=1, max_wait_time=20)
            assert messages, f"only {len(ids)} of {count} came"
            ids.append(str(messages[0].correlation_id))
            await receiver.complete_message(messages[0])
    return ids


async def test_concurrent_publishes_arrive_once_each_in_order_by_session(stack: Stack, bus: Bus) -> None:
    events = [event(number, "odd" if number % 2 else "even") for number in range(200)]
    await asyncio.gather(*(bus.publish(RESULTS, one) for one in events))
    for session in ("odd", "even"):
        expected = [one.operation.operation_id for one in events if one.reply_to_session == session]
        assert await received(stack, session, 100) == expected


async def test_one_too_large_fails_alone(stack: Stack, bus: Bus) -> None:
    big = event(1, result="x" * 2_000_000)
    outcomes = await asyncio.gather(
        *(bus.publish(RESULTS, one) for one in (event(0), big, event(2))), bus.publish(RESULTS, event(3), at=NOW),
        return_exceptions=True,
    )  # fmt: skip
    assert [type(outcome) for outcome in outcomes] == [type(None), RequestTooLarge, type(None), type(None)]
    assert sorted(await received(stack, "one", 3)) == [f"{number:032x}" for number in (0, 2, 3)]
    with pytest.raises(RequestTooLarge):
        await bus.publish(RESULTS, big)
    await bus.publish(RESULTS, event(4))


async def test_a_bus_that_is_away_is_unavailable_and_comes_back(stack: Stack, bus: Bus) -> None:
    await bus.publish(RESULTS, event(0))
    await stack.stop_part("broker")
    with pytest.raises(Unavailable, match="message bus"):
        await bus.publish(RESULTS, event(1))
    with pytest.raises(Unavailable):
        await bus.open("train")
    await stack.start_part("broker")
    await bus.publish(RESULTS, event(2))
    await bus.open(RESULTS, "train")


@pytest_asyncio.fixture
async def own_bus(tmp_path: Path) -> AsyncIterator[tuple[str, Path]]:
    """A broker with TLS: its connection string and its certificate.

    It has a loopback address for this process alone, because with TLS the SDK connects to port 5671 only.
    """
    high, low = divmod(os.getpid() % 60_000, 250)
    address = f"127.77.{high}.{low + 1}"
    identity, public = write_certificate(tmp_path, address)
    clock = SystemClock()
    server = Server(Broker([QueueSettings(RESULTS)], clock, key=SharedKey("secret", clock)))
    await server.start(address, 5671)
    server.offer_tls(identity)
    yield f"Endpoint=sb://{address};SharedAccessKeyName=RootManageSharedAccessKey;SharedAccessKey=secret", public
    await server.stop()


async def test_certificates_in_ssl_cert_file_are_trusted(
    own_bus: tuple[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The SDK itself reads no variable."""
    connection, certificate = own_bus
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    bus = Bus(BusSettings(servicebus_connection=connection))
    await bus.open(RESULTS)
    await bus.close()
