"""What is kept of a dead letter, through the real SDK and a real broker."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest
import pytest_asyncio
from azure.functions.servicebus import ServiceBusMessage
from azure.servicebus import ServiceBusReceivedMessage
from azure.servicebus.aio import ServiceBusClient

from functions.bus import Bus
from functions.errors import Unavailable
from functions.predict.failed import Failed
from functions.queues import FAILED
from functions.settings import BusSettings
from ondemand.host.servicebus.messages import application_properties
from ondemand.stack import Stack

ENQUEUED = datetime(2026, 1, 1, 12, tzinfo=UTC)
MAX_BYTES = 192 * 1024


@pytest_asyncio.fixture
async def bus(stack: Stack) -> AsyncIterator[Bus]:
    bus = Bus(BusSettings(servicebus_connection=stack.addresses.servicebus_connection, send_timeout_s=5))
    yield bus
    await bus.close()


def dead_letter(
    body: bytes, properties: dict[str, object], message_id: str = "m-1", number: int = 7
) -> ServiceBusMessage:
    return ServiceBusMessage(
        body=body,
        message_id=message_id,
        correlation_id="c-1",
        content_type="application/json",
        label="RunModel",
        reply_to_session_id="session",
        delivery_count=11,
        sequence_number=number,
        enqueued_time_utc=ENQUEUED.replace(tzinfo=None),  # as azure-functions gives it
        application_properties=properties,
        user_properties={},
    )


async def kept(bus: Bus) -> list[ServiceBusReceivedMessage]:
    async with (
        ServiceBusClient.from_connection_string(str(bus.settings.servicebus_connection)) as client,
        client.get_queue_receiver(FAILED) as receiver,
    ):
        return await receiver.peek_messages(max_message_count=100)


async def test_original_is_kept_once_with_its_properties(bus: Bus) -> None:
    failed = Failed(bus.client, bus.settings)
    properties: dict[str, object] = {
        "DeadLetterReason": "MaxDeliveryCountExceeded",
        "DeadLetterErrorDescription": "ten times",
        "traceparent": "00-a-b-01",
        "number": 7,
        "odd": {"a": [1, None]},
    }
    for _ in range(2):
        await failed.keep(dead_letter(b"\xffnot ours", properties), "run-model", ["a" * 32, "b" * 32])
    (message,) = await kept(bus)
    assert b"".join(message.body) == b"\xffnot ours"
    assert (message.content_type, message.subject, message.correlation_id) == ("application/json", "RunModel", "c-1")
    assert message.reply_to_session_id == "session"
    assert application_properties(message) == {
        "DeadLetterReason": "MaxDeliveryCountExceeded",
        "DeadLetterErrorDescription": "ten times",
        "traceparent": "00-a-b-01",
        "number": 7,
        "odd": '{"a": [1, null]}',
        "sourceQueue": "run-model",
        "attempts": 10,
        "enqueuedTime": "2026-01-01T12:00:00+00:00",
        "originalMessageId": "m-1",
        "operations": f"{'a' * 32},{'b' * 32}",
    }


@pytest.mark.parametrize(
    "message",
    [
        dead_letter(b"x" * 300_000, {}),
        dead_letter(b"x" * 100, {f"p{number}": "y" * 10_000 for number in range(50)}),
        dead_letter(b"x" * 100, {"p" * 60_000: 1, "large": 2**80, "long": 2**40, "deep": [[[[]]]], "text": "\ud800"}),
        dead_letter(b"", {}, message_id="i" * 100_000),
    ],
    ids=["body", "many properties", "odd properties", "message id"],
)
async def test_whatever_a_dead_letter_holds_it_is_kept(bus: Bus, message: ServiceBusMessage) -> None:
    await Failed(bus.client, bus.settings).keep(message, "train", [])
    (found,) = await kept(bus)
    body = b"".join(found.body)
    assert message.get_body().startswith(body)
    whole = len(message.get_body())
    assert application_properties(found).get("truncatedFrom") == (whole if whole > MAX_BYTES else None)


async def test_bus_that_is_away_is_told_and_found_again(stack: Stack, bus: Bus) -> None:
    failed = Failed(bus.client, bus.settings)
    await failed.keep(dead_letter(b"1", {}, number=1), "train", [])
    await stack.stop_part("broker")
    with pytest.raises(Unavailable):
        await failed.keep(dead_letter(b"2", {}, number=2), "train", [])
    await stack.start_part("broker")
    await failed.keep(dead_letter(b"2", {}, number=2), "train", [])
    assert [b"".join(each.body) for each in await kept(bus)] == [b"1", b"2"]
