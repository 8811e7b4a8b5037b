"""Silent connections, long-lived connections, and connections that survive a restart of their broker."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest
from azure.servicebus import ServiceBusMessage
from azure.servicebus.aio import ServiceBusClient
from azure.servicebus.exceptions import ServiceBusConnectionError, ServiceBusError

from servicebus_broker.addresses import connection_string
from servicebus_broker.amqp.frames import HEARTBEAT
from servicebus_broker.amqp.performatives import Close
from servicebus_broker.clock import SystemClock
from servicebus_broker.limits import Limits
from servicebus_broker.queues.settings import QueueSettings
from servicebus_broker.server import Server
from servicebus_broker.service.broker import Broker
from servicebus_broker.service.shared_key import SharedKey
from tests.integration.conftest import start_broker
from tests.integration.sdk import receive, send
from tests.integration.threaded import Threaded, threaded_client
from tests.unit.client import ANONYMOUS, HANDSHAKE, KEY, read_frames

HOST = "127.0.0.1"
WAIT = 30
IDLE = 3.0


@asynccontextmanager
async def served(limits: Limits, *, guarded: bool = False) -> AsyncIterator[int]:
    """A broker in this process with a queue ``plain``, and with a key if ``guarded``; yields its port."""
    clock = SystemClock()
    key = SharedKey(KEY, clock) if guarded else None
    server = Server(Broker([QueueSettings("plain")], clock, limits, key))
    port = await server.start(HOST, 0)
    try:
        yield port
    finally:
        await server.stop()


async def read_to_end(reader: asyncio.StreamReader) -> list[object]:
    """The performatives before the end of the connection."""
    async with asyncio.timeout(WAIT):
        return [each for each, _ in read_frames(await reader.read())]


@pytest.mark.parametrize("start", [b"", HANDSHAKE[:8], HANDSHAKE[:50]], ids=["nothing", "a header", "half a frame"])
async def test_client_that_does_not_open_its_connection_is_disconnected(start: bytes) -> None:
    async with served(Limits(handshake_timeout=0.3)) as port:
        reader, writer = await asyncio.open_connection(HOST, port)
        writer.write(start)
        await read_to_end(reader)
        writer.close()
        await writer.wait_closed()


async def test_client_that_puts_no_token_is_disconnected() -> None:
    async with served(Limits(handshake_timeout=0.3), guarded=True) as port:
        reader, writer = await asyncio.open_connection(HOST, port)
        writer.write(ANONYMOUS)
        close = (await read_to_end(reader))[-1]
        assert isinstance(close, Close)
        writer.close()
        await writer.wait_closed()


async def test_a_refused_token_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    async with served(Limits(), guarded=True) as port:
        address = connection_string(HOST, port, "wrong")
        async with ServiceBusClient.from_connection_string(address, retry_total=0) as client:
            with pytest.raises(ServiceBusError):
                await client.get_queue_sender("plain").send_messages(ServiceBusMessage("x"))
    assert "put a token that is refused: InvalidSignature" in caplog.text


async def test_clients_that_know_the_key_come_before_those_that_do_not() -> None:
    async with served(Limits(max_connections=2), guarded=True) as port:
        strangers = [await asyncio.open_connection(HOST, port) for _ in range(2)]
        known = []
        for reader, _ in strangers:
            known.append(await asyncio.open_connection(HOST, port))
            known[-1][1].write(HANDSHAKE)
            async with asyncio.timeout(WAIT):
                assert await reader.read() == b"", "the oldest that had not proved anything is gone"
                await known[-1][0].readuntil(b"AMQP\x00\x01\x00\x00")
        reader, writer = await asyncio.open_connection(HOST, port)
        writer.write(HANDSHAKE)
        close = (await read_to_end(reader))[-1]
        assert isinstance(close, Close)
        assert close.error is not None
        assert close.error.condition == "amqp:resource-limit-exceeded"
        for _, each in [*strangers, *known, (reader, writer)]:
            each.close()
            with contextlib.suppress(ConnectionError):
                await each.wait_closed()


async def test_silent_client_is_disconnected_and_one_with_heartbeats_stays() -> None:
    async with served(Limits(idle_timeout=0.5)) as port:
        silent, silent_writer = await asyncio.open_connection(HOST, port)
        beating, beating_writer = await asyncio.open_connection(HOST, port)
        for writer in (silent_writer, beating_writer):
            writer.write(HANDSHAKE)
        ended = asyncio.create_task(read_to_end(silent))
        while not ended.done():
            beating_writer.write(HEARTBEAT)
            await asyncio.wait([ended], timeout=0.1)
        close = ended.result()[-1]
        assert isinstance(close, Close)
        assert close.error is not None
        assert close.error.condition == "amqp:connection:forced"
        assert "0.5 seconds" in (close.error.description or "")
        assert not beating.at_eof()
        for writer in (silent_writer, beating_writer):
            writer.close()
            await writer.wait_closed()


async def test_idle_sdk_clients_stay_connected_by_their_heartbeats() -> None:
    async with (
        served(Limits(idle_timeout=IDLE)) as port,
        ServiceBusClient.from_connection_string(connection_string(HOST, port, KEY), retry_total=0) as client,
        # The interval at which the SDK checks whether a heartbeat of a sender is due; 30 s by default.
        client.get_queue_sender("plain", keep_alive=1) as sender,
        client.get_queue_receiver("plain") as receiver,
    ):
        await sender.send_messages(ServiceBusMessage("before"))
        (message,) = await receive(receiver)
        await receiver.complete_message(message)
        waiting = asyncio.create_task(receive(receiver))
        # Longer than the time-out on purpose: the test shows that nothing happens in it.
        await asyncio.sleep(2 * IDLE)
        await sender.send_messages(ServiceBusMessage("after"))
        assert [str(each) for each in await waiting] == ["after"]


async def test_client_above_the_limit_is_told() -> None:
    async with served(Limits(max_connections=1)) as port:
        address = connection_string(HOST, port, KEY)
        async with (
            ServiceBusClient.from_connection_string(address, retry_total=0) as client,
            client.get_queue_sender("plain") as sender,
        ):
            await sender.send_messages(ServiceBusMessage("first"))
            with pytest.raises(ServiceBusConnectionError, match="maximum of 1 concurrent connections"):
                await send(client, "plain", ServiceBusMessage("second"))


async def test_clients_far_above_the_limit_are_disconnected_unanswered() -> None:
    async with served(Limits(max_connections=1)) as port, AsyncExitStack() as stack:
        clients = []
        for _ in range(3):
            reader, writer = await asyncio.open_connection(HOST, port)
            stack.callback(writer.close)
            clients.append(reader)
        assert await asyncio.wait_for(clients[2].read(), WAIT) == b""
        assert not clients[1].at_eof()


@pytest.mark.parametrize("sdk", ["aio", "sync"])
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # as in test_durability.py
async def test_clients_continue_after_a_restart(tmp_path: Path, sdk: str) -> None:
    with socket.create_server((HOST, 0)) as free:
        port = str(free.getsockname()[1])
    options = ("--data", str(tmp_path / "data"), "--port", port)
    broker = start_broker(tmp_path, *options)
    client: ServiceBusClient | Threaded
    if sdk == "sync":
        client = threaded_client(broker.connection_string, retry_total=3)
    else:
        client = ServiceBusClient.from_connection_string(broker.connection_string)
    async with client, client.get_queue_sender("plain") as sender, client.get_queue_receiver("plain") as receiver:
        await sender.send_messages(ServiceBusMessage("before"))
        (message,) = await receive(receiver)
        await receiver.complete_message(message)
        waiting = asyncio.create_task(receive(receiver))
        assert await asyncio.to_thread(broker.stop) == 0
        broker = start_broker(tmp_path, *options)
        await sender.send_messages(ServiceBusMessage("after"))
        (message,) = await waiting
        assert str(message) == "after"
        await receiver.complete_message(message)
    assert broker.stop() == 0


async def test_clients_that_do_not_read_do_not_delay_the_stop() -> None:
    limits = Limits(close_timeout=0.3)
    async with served(limits) as port:
        _, writer = await asyncio.open_connection(HOST, port)
        writer.write(HANDSHAKE)
        await writer.drain()
    writer.close()
    await writer.wait_closed()
