"""A message of a newer version goes through a real broker and comes back as it was."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from azure.servicebus import ServiceBusMessage, ServiceBusReceivedMessage
from azure.servicebus.aio import ServiceBusClient, ServiceBusReceiver

from functions.bus import Bus
from functions.contracts import UnknownVersion, commands_in, events_in
from functions.put_off import put_off
from functions.queues import RESULTS, TRAIN
from functions.settings import BusSettings
from ondemand.stack import Stack

BODY = b'{"schemaVersion":2,"kind":"Grid","priority":"high"}'
OPERATION = "a" * 32


@pytest_asyncio.fixture
async def client(stack: Stack) -> AsyncIterator[ServiceBusClient]:
    async with ServiceBusClient.from_connection_string(stack.addresses.servicebus_connection) as client:
        yield client


@pytest_asyncio.fixture
async def bus(stack: Stack) -> AsyncIterator[Bus]:
    bus = Bus(BusSettings(servicebus_connection=stack.addresses.servicebus_connection))
    yield bus
    await bus.close()


async def one(receiver: ServiceBusReceiver) -> ServiceBusReceivedMessage:
    (message,) = await receiver.receive_messages(max_message_count=1, max_wait_time=30)
    return message


@pytest.mark.parametrize(("queue", "session"), [(TRAIN, None), (RESULTS, "instance")])
async def test_message_of_a_newer_version_comes_back_as_it_was(
    client: ServiceBusClient, bus: Bus, queue: str, session: str | None
) -> None:
    newer = ServiceBusMessage(
        BODY,
        content_type="application/json",
        subject="Grid",
        message_id="newer",
        correlation_id=OPERATION,
        session_id=session,
        reply_to_session_id="instance",
        application_properties={"traceparent": "00-1"},
    )
    async with client.get_queue_sender(queue) as sender:
        await sender.send_messages(newer)
    async with client.get_queue_receiver(queue, session_id=session) as receiver:
        for attempt in ("1", "2"):
            message = await one(receiver)
            body = b"".join(message.body)
            with pytest.raises(UnknownVersion) as raised:
                (events_in if queue == RESULTS else commands_in)(body)
            assert await put_off(bus, queue, message, body, raised.value)
            await receiver.complete_message(message)
            again = await one(receiver)
            assert b"".join(again.body) == BODY
            assert (again.subject, again.correlation_id) == ("Grid", OPERATION)
            assert (again.session_id, again.reply_to_session_id) == (session, "instance")
            properties = again.application_properties or {}
            assert (properties[b"attempt"], properties[b"traceparent"]) == (attempt.encode(), b"00-1")
            await receiver.abandon_message(again)
