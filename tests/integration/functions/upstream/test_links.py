"""Opening links through the real SDK to a real broker."""

import asyncio
import gc
import warnings
from datetime import UTC, datetime, timedelta

import psutil
import pytest
from azure.servicebus import NEXT_AVAILABLE_SESSION, ServiceBusMessage
from azure.servicebus.aio import ServiceBusClient, ServiceBusReceiver
from azure.servicebus.exceptions import ServiceBusError, SessionLockLostError

from functions.upstream.links import trust_the_bus, without_pauses
from ondemand.stack import Stack
from tests.harness.proxy import Proxy, port_of

PAUSE_S = 0.05
"""What the SDK sleeps after each frame of an opening."""


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long whoever runs on this loop slept, each time."""
    slept: list[float] = []
    sleep = asyncio.sleep

    async def noting_sleep(delay: float) -> None:
        slept.append(delay)
        await sleep(delay)

    monkeypatch.setattr(asyncio, "sleep", noting_sleep)
    return slept


async def test_links_open_and_open_again_without_the_pauses_of_the_sdk(stack: Stack, pauses: list[float]) -> None:
    async with ServiceBusClient.from_connection_string(stack.addresses.servicebus_connection) as client:
        async with client.get_queue_sender("train") as sender:
            await sender.send_messages(ServiceBusMessage(b"first"))
        assert pauses.count(PAUSE_S) >= 5, (
            "the SDK opens links otherwise now: is functions/upstream/links.py still needed?"
        )
        pauses.clear()
        sender, receiver = client.get_queue_sender("train"), client.get_queue_receiver("train")
        async with without_pauses(sender), without_pauses(receiver):
            await sender.send_messages(ServiceBusMessage(b"second"))
            bodies: list[bytes] = []
            while len(bodies) < 2:
                for message in await receiver.receive_messages(max_message_count=1, max_wait_time=20):
                    bodies.append(b"".join(message.body))
                    await receiver.complete_message(message)
            assert bodies == [b"first", b"second"]
        session = client.get_queue_receiver("results", session_id="one")
        async with without_pauses(session):
            assert session.session.session_id == "one"
        assert PAUSE_S not in pauses


async def test_an_opening_can_be_given_up(stack: Stack) -> None:
    """A session that another one holds, or that does not exist, keeps the opening waiting."""
    async with ServiceBusClient.from_connection_string(stack.addresses.servicebus_connection) as client:
        waiting = client.get_queue_receiver("results", session_id=NEXT_AVAILABLE_SESSION, max_wait_time=60)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.5), without_pauses(waiting):
                pass
        await waiting.close()


@pytest.mark.parametrize("ours", [True, pytest.param(False, id="the SDK alone")])
async def test_socket_of_a_connection_that_the_bus_has_ended_is_closed(stack: Stack, ours: bool) -> None:
    connection = stack.addresses.servicebus_connection
    gc.disable()  # it closes them some day
    try:
        async with (
            Proxy(port_of(connection)) as proxy,
            ServiceBusClient.from_connection_string(proxy.address(connection), retry_total=0) as client,
        ):
            for _ in range(3 if ours else 20):
                receiver = client.get_queue_receiver("train")
                with pytest.raises(ServiceBusError):
                    await _receive_until_cut(without_pauses(receiver) if ours else receiver, proxy)
                if left := _sockets_to(proxy.port):
                    break
    finally:
        gc.enable()
        with warnings.catch_warnings(action="ignore"):  # about those of the SDK
            gc.collect()
    assert ours == (not left), "the SDK closes them now: is functions/upstream/links.py still needed for that?"


async def _receive_until_cut(receiver: ServiceBusReceiver, proxy: Proxy) -> None:
    async with receiver:
        asyncio.get_running_loop().call_later(0.3, proxy.cut)  # while it reads
        await receiver.receive_messages(max_wait_time=20)


def _sockets_to(port: int) -> list[object]:
    return [each for each in psutil.Process().net_connections() if each.raddr and each.raddr.port == port]


async def test_a_session_is_not_lost_by_the_clock_of_this_host(stack: Stack) -> None:
    async with (
        ServiceBusClient.from_connection_string(stack.addresses.servicebus_connection) as client,
        client.get_queue_receiver("results", session_id="clock") as receiver,
    ):
        receiver.session._locked_until_utc = datetime.now(UTC) - timedelta(minutes=5)  # as for a host that is ahead
        with pytest.raises(SessionLockLostError):  # when the SDK no longer does so, `trust_the_bus` can go
            await receiver.receive_messages(max_wait_time=1)
        trust_the_bus(receiver.session)
        assert await receiver.receive_messages(max_wait_time=0.1) == []
        await receiver.session.renew_lock()
