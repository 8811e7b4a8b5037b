"""Messages over TLS, on the port that takes plain AMQP too: the SDK, sync and aio, and clients that do it wrong."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from azure.servicebus import ServiceBusClient as SyncClient
from azure.servicebus import ServiceBusMessage, TransportType
from azure.servicebus.aio import ServiceBusClient
from azure.servicebus.exceptions import ServiceBusError

from servicebus_broker.administration.certificate import certificate_in, write_public_part
from servicebus_broker.amqp.frames import SASL_HEADER
from servicebus_broker.amqp.performatives import Close
from servicebus_broker.clock import SystemClock
from servicebus_broker.queues.settings import QueueSettings
from servicebus_broker.server import Server
from servicebus_broker.service.broker import Broker
from tests.integration.conftest import RunningBroker, start_broker
from tests.integration.sdk import receive, send
from tests.integration.threaded import Threaded
from tests.unit.client import HANDSHAKE, read_frames

HOST = "localhost"
WAIT = 30
LARGE = b"x" * 900_000
"""Many TLS records, many AMQP frames."""


def port_of(broker: RunningBroker) -> int:
    return int(broker.connection_string.partition(";")[0].rpartition(":")[2])


def secure_options(broker: RunningBroker) -> dict[str, Any]:
    """With TLS the SDK goes to port 5671, or to a custom endpoint, there with web sockets unless told otherwise."""
    address = f"sb://{HOST}:{port_of(broker)}"
    return {"custom_endpoint_address": address, "transport_type": TransportType.Amqp, "retry_total": 0}


def secure_string(broker: RunningBroker) -> str:
    """Without ``UseDevelopmentEmulator=true``, which turns TLS off."""
    string = broker.connection_string.replace(";UseDevelopmentEmulator=true", "")
    return string.replace(f"127.0.0.1:{port_of(broker)}", HOST)


@pytest.fixture(params=["aio", "sync"])
async def secure_client(request: pytest.FixtureRequest, broker: RunningBroker) -> AsyncIterator[ServiceBusClient]:
    options = secure_options(broker) | {"connection_verify": broker.certificate}
    if request.param == "aio":
        async with ServiceBusClient.from_connection_string(secure_string(broker), **options) as client:
            yield client
    else:
        sync = Threaded(SyncClient.from_connection_string(secure_string(broker), **options))
        async with sync as threaded:
            yield threaded  # type: ignore[misc]  # the same methods


async def test_messages_of_any_size_go_both_ways(secure_client: ServiceBusClient) -> None:
    await send(secure_client, "plain", ServiceBusMessage("small"), ServiceBusMessage(LARGE))
    async with secure_client.get_queue_receiver("plain") as receiver:
        small, large = await receive(receiver, 2)
        assert (b"".join(small.body), b"".join(large.body)) == (b"small", LARGE)
        for each in (small, large):
            await receiver.complete_message(each)


async def test_plain_and_secure_clients_share_queues(client: ServiceBusClient, secure_client: ServiceBusClient) -> None:
    await send(client, "plain", ServiceBusMessage("in the open"))
    async with secure_client.get_queue_receiver("plain") as receiver:
        (message,) = await receive(receiver)
        assert str(message) == "in the open"
        await receiver.complete_message(message)


async def test_sessions_are_locked_and_have_state(secure_client: ServiceBusClient) -> None:
    await send(secure_client, "sessions", ServiceBusMessage("in order", session_id="one"))
    async with secure_client.get_queue_receiver("sessions", session_id="one") as receiver:
        await receiver.session.set_state(b"state")
        assert await receiver.session.get_state() == b"state"
        (message,) = await receive(receiver)
        await receiver.complete_message(message)
        await receiver.session.set_state(None)


async def test_certificate_is_checked_by_the_client(broker: RunningBroker) -> None:
    """Which trusts the public authorities unless told otherwise."""
    async with ServiceBusClient.from_connection_string(secure_string(broker), **secure_options(broker)) as client:
        with pytest.raises(ServiceBusError):
            await send(client, "plain", ServiceBusMessage("lost"))


async def exchange(broker: RunningBroker, data: bytes) -> bytes:
    """What the broker sends after these bytes, until it closes the connection."""
    reader, writer = await asyncio.open_connection(HOST, port_of(broker))
    writer.write(data)
    async with asyncio.timeout(WAIT):
        answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    return answer


async def test_bytes_that_only_look_like_tls_end_their_connection(broker: RunningBroker) -> None:
    answer = await exchange(broker, b"\x16\x03\x01\x00\x05hello")
    assert answer[:1] == b"\x15"  # a TLS alert


async def test_tls_in_single_bytes_is_tls(broker: RunningBroker) -> None:
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    context = ssl.create_default_context(cafile=broker.certificate)
    tls = context.wrap_bio(incoming, outgoing, server_hostname=HOST)
    reader, writer = await asyncio.open_connection(HOST, port_of(broker))

    async def until_done(step: object) -> object:
        while True:
            try:
                return step()  # type: ignore[operator]
            except ssl.SSLWantReadError:
                for byte in outgoing.read():
                    writer.write(bytes([byte]))
                    await writer.drain()
                async with asyncio.timeout(WAIT):
                    incoming.write(await reader.read(65536))

    await until_done(tls.do_handshake)
    tls.write(SASL_HEADER)
    assert await until_done(lambda: tls.read(8)) == SASL_HEADER
    writer.close()
    await writer.wait_closed()


async def test_event_loop_of_asyncio_does_the_same(tmp_path: Path) -> None:
    """The process of the other tests has uvloop's."""
    identity = certificate_in(tmp_path)
    server = Server(Broker([QueueSettings("plain")], SystemClock()))
    port = await server.start(HOST, 0)
    server.offer_tls(identity)
    write_public_part(identity, tmp_path / "public.pem")
    context = ssl.create_default_context(cafile=str(tmp_path / "public.pem"))
    reader, writer = await asyncio.open_connection(HOST, port, ssl=context)
    writer.write(SASL_HEADER)
    async with asyncio.timeout(WAIT):
        assert await reader.readexactly(8) == SASL_HEADER
    writer.close()
    await writer.wait_closed()
    await server.stop()


async def test_without_administration_there_is_no_certificate_and_no_tls(tmp_path: Path) -> None:
    broker = start_broker(tmp_path, "--memory", "--no-https")
    answer = await exchange(broker, b"\x16\x03\x01\x00\x05hello")
    assert answer[:4] == b"AMQP"  # the header that it expects
    assert broker.stop() == 0


async def test_end_of_the_broker_is_told_over_tls(tmp_path: Path) -> None:
    """The client sees the end of TLS, not a connection that broke."""
    broker = start_broker(tmp_path, "--memory")
    context = ssl.create_default_context(cafile=broker.certificate)
    reader, writer = await asyncio.open_connection(HOST, port_of(broker), ssl=context)
    writer.write(HANDSHAKE)
    async with asyncio.timeout(WAIT):
        data = await reader.readuntil(SASL_HEADER)
        assert await asyncio.to_thread(broker.stop) == 0
        data += await reader.read()
    (end, _) = read_frames(data)[-1]
    assert isinstance(end, Close)
    assert end.error is not None
    assert end.error.condition == "amqp:connection:forced"
    writer.close()
