"""The effect of the properties of an entity on its clients: forwarding, size, status."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from azure.servicebus import ServiceBusMessage, ServiceBusReceivedMessage, ServiceBusSubQueue
from azure.servicebus.aio import ServiceBusClient
from azure.servicebus.exceptions import (
    MessageNotFoundError,
    MessageSizeExceededError,
    MessagingEntityDisabledError,
    ServiceBusError,
    ServiceBusQuotaExceededError,
)

WAIT = 30


@pytest.fixture
def client(either_client: ServiceBusClient) -> ServiceBusClient:
    return either_client


async def send(client: ServiceBusClient, queue: str, *bodies: str) -> None:
    async with client.get_queue_sender(queue) as sender:
        await sender.send_messages([ServiceBusMessage(body) for body in bodies])


async def take(client: ServiceBusClient, queue: str, count: int) -> list[ServiceBusReceivedMessage]:
    """Receive and complete this many messages."""
    taken: list[ServiceBusReceivedMessage] = []
    async with client.get_queue_receiver(queue) as receiver:
        while len(taken) < count:
            received = await receiver.receive_messages(count - len(taken), max_wait_time=WAIT)
            assert received
            for message in received:
                await receiver.complete_message(message)
            taken += received
    return taken


async def test_forwarding(client: ServiceBusClient) -> None:
    await send(client, "forwards", "a", "b")
    received = await take(client, "target", 2)
    assert [str(each) for each in received] == ["a", "b"]
    first, second = [each.enqueued_sequence_number for each in received]
    assert first is not None
    assert second == first + 1
    with pytest.raises(ServiceBusError, match="Cannot create a message receiver on an entity with auto-forwarding"):
        await take(client, "forwards", 1)


async def test_forwarding_of_dead_letters(client: ServiceBusClient) -> None:
    await send(client, "forwards-dead-letters", "a")
    async with client.get_queue_receiver("forwards-dead-letters") as receiver:
        (message,) = await receiver.receive_messages(1, max_wait_time=WAIT)
        await receiver.dead_letter_message(message, reason="broken", error_description="on a Monday")
    (dead,) = await take(client, "target", 1)
    assert (str(dead), dead.dead_letter_source) == ("a", "forwards-dead-letters")
    assert (dead.dead_letter_reason, dead.dead_letter_error_description) == ("broken", "on a Monday")
    with pytest.raises(ServiceBusError, match="auto-forwarding"):
        async with client.get_queue_receiver(
            "forwards-dead-letters", sub_queue=ServiceBusSubQueue.DEAD_LETTER
        ) as receiver:
            await receiver.receive_messages(1, max_wait_time=WAIT)


async def test_a_full_queue_refuses_until_there_is_room(client: ServiceBusClient) -> None:
    await send(client, "small", "x" * 550_000)
    with pytest.raises(ServiceBusQuotaExceededError, match="Max entity size in bytes: 1048576"):
        await send(client, "small", "y" * 550_000)
    await take(client, "small", 1)
    await send(client, "small", "y" * 550_000)
    await take(client, "small", 1)


async def test_message_above_the_limit_of_its_queue_is_refused(client: ServiceBusClient) -> None:
    with pytest.raises(MessageSizeExceededError):
        await send(client, "small", "x" * 620_000)


async def test_status(client: ServiceBusClient) -> None:
    with pytest.raises(MessagingEntityDisabledError, match="disabled for Send operations"):
        await send(client, "send-disabled", "a")
    with pytest.raises(MessagingEntityDisabledError, match="disabled for Receive operations"):
        await take(client, "receive-disabled", 1)


async def test_a_duplicate_of_a_scheduled_message_is_cancelled_with_it(client: ServiceBusClient) -> None:
    async with client.get_queue_sender("once") as sender:
        tomorrow = datetime.now(UTC) + timedelta(days=1)
        message_id = str(uuid4())
        first, second = [
            await sender.schedule_messages(ServiceBusMessage("a", message_id=message_id), tomorrow) for _ in range(2)
        ]
        assert first == second
        await sender.cancel_scheduled_messages(second)
        with pytest.raises(MessageNotFoundError):
            await sender.cancel_scheduled_messages(first)
