"""More operations of clients: credit, prefetch, sizes, settling with properties, resending, renewing, refusals."""

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from azure.servicebus import ServiceBusMessage, ServiceBusReceiveMode, ServiceBusSubQueue
from azure.servicebus.aio import ServiceBusClient
from azure.servicebus.exceptions import (
    MessageSizeExceededError,
    MessagingEntityNotFoundError,
    ServiceBusError,
)

from servicebus_broker.limits import DEFAULT_LIMITS
from tests.integration.sdk import WAIT, receive, send
from tests.integration.threaded import Renewer


@pytest.fixture
def client(either_client: ServiceBusClient) -> ServiceBusClient:
    return either_client


async def test_message_of_the_largest_size_is_accepted_and_one_byte_more_is_not(client: ServiceBusClient) -> None:
    # The bytes that the SDK adds to a body are found by trying.
    fits, too_large = DEFAULT_LIMITS.max_message_size - 200, DEFAULT_LIMITS.max_message_size
    async with client.get_queue_sender("plain") as sender:
        while too_large - fits > 1:
            size = (fits + too_large) // 2
            try:
                await sender.send_messages(ServiceBusMessage(b"x" * size, message_id="1"))
                fits = size
            except MessageSizeExceededError:
                too_large = size
    assert DEFAULT_LIMITS.max_message_size - 200 < fits < DEFAULT_LIMITS.max_message_size - 10
    largest = 0
    mode = ServiceBusReceiveMode.RECEIVE_AND_DELETE
    async with client.get_queue_receiver("plain", receive_mode=mode) as receiver:
        while await receiver.peek_messages():
            (message,) = await receive(receiver)
            largest = max(largest, len(b"".join(message.body)))
    assert largest == fits


@pytest.mark.parametrize("prefetch", [0, 5, 50])
async def test_any_credit_gets_all_messages_once_and_in_order(client: ServiceBusClient, prefetch: int) -> None:
    async with client.get_queue_sender("plain") as sender:
        await sender.send_messages([ServiceBusMessage(str(number)) for number in range(60)])
    received: list[str] = []
    async with client.get_queue_receiver("plain", prefetch_count=prefetch) as receiver:
        for wanted in (1, 2, 7, 50):
            messages = await receive(receiver, wanted)
            for message in messages:
                await receiver.complete_message(message)
            received += map(str, messages)
        assert await receiver.peek_messages() == []
    assert received == [str(number) for number in range(60)]


async def test_receive_and_delete_with_prefetch_removes_more_than_requested(client: ServiceBusClient) -> None:
    async with client.get_queue_sender("plain") as sender:
        await sender.send_messages([ServiceBusMessage(str(number)) for number in range(10)])
    mode = ServiceBusReceiveMode.RECEIVE_AND_DELETE
    async with client.get_queue_receiver("plain", receive_mode=mode, prefetch_count=20) as receiver:
        assert [str(message) for message in await receive(receiver, 10)] == [str(number) for number in range(10)]
        assert await receiver.peek_messages() == []


async def test_prefetched_messages_of_a_closed_receiver_go_to_the_next(client: ServiceBusClient) -> None:
    async with client.get_queue_sender("short-lock") as sender:
        await sender.send_messages([ServiceBusMessage(str(number)) for number in range(4)])
    async with client.get_queue_receiver("short-lock", prefetch_count=10) as receiver:
        (first,) = await receive(receiver)
        await receiver.complete_message(first)
    async with client.get_queue_receiver("short-lock") as receiver:
        rest = await receive(receiver, 3)
        for message in rest:
            await receiver.complete_message(message)
        assert await receiver.peek_messages() == []
    assert sorted(str(message) for message in rest) == ["1", "2", "3"]


async def test_dead_letter_is_sent_again(client: ServiceBusClient) -> None:
    await send(client, "plain", ServiceBusMessage("again", correlation_id="c", application_properties={"kept": "yes"}))
    async with client.get_queue_receiver("plain") as receiver:
        await receiver.dead_letter_message((await receive(receiver))[0], reason="why")
    async with (
        client.get_queue_receiver("plain", sub_queue=ServiceBusSubQueue.DEAD_LETTER) as dead_letters,
        client.get_queue_sender("plain") as sender,
    ):
        (dead,) = await receive(dead_letters)
        await sender.send_messages(
            ServiceBusMessage(
                b"".join(dead.body),
                correlation_id=dead.correlation_id,
                application_properties={"kept": "yes"},
            )
        )
        await dead_letters.complete_message(dead)
        assert await dead_letters.peek_messages() == []
    async with client.get_queue_receiver("plain") as receiver:
        (message,) = await receive(receiver)
        await receiver.complete_message(message)
    assert (str(message), message.correlation_id, message.delivery_count) == ("again", "c", 0)


async def test_deferred_messages_can_be_settled_in_every_way(client: ServiceBusClient) -> None:
    async with client.get_queue_sender("plain") as sender:
        await sender.send_messages(
            [ServiceBusMessage(name) for name in ("complete", "abandon", "dead-letter", "defer")]
        )
    async with client.get_queue_receiver("plain") as receiver:
        numbers = []
        for message in await receive(receiver, 4):
            await receiver.defer_message(message)
            assert message.sequence_number is not None
            numbers.append(message.sequence_number)
        complete, abandon, dead_letter, defer = await receiver.receive_deferred_messages(numbers)
        await receiver.renew_message_lock(complete)
        await receiver.complete_message(complete)
        await receiver.abandon_message(abandon)
        await receiver.dead_letter_message(dead_letter, reason="why", error_description="because")
        await receiver.defer_message(defer)
        # An abandoned message that was deferred stays so.
        left = await receiver.receive_deferred_messages([numbers[1], numbers[3]])
        assert [str(message) for message in left] == ["abandon", "defer"]
        for message in left:
            await receiver.complete_message(message)
        with pytest.raises(ServiceBusError):
            await receiver.receive_deferred_messages(numbers[0])
        assert await receiver.peek_messages() == []
    async with client.get_queue_receiver("plain", sub_queue=ServiceBusSubQueue.DEAD_LETTER) as receiver:
        (dead,) = await receive(receiver)
        await receiver.complete_message(dead)
    assert (str(dead), dead.dead_letter_reason) == ("dead-letter", "why")


async def test_deferred_messages_of_a_session_are_settled_through_it(client: ServiceBusClient) -> None:
    session_id = uuid4().hex
    await send(client, "sessions", ServiceBusMessage("later", session_id=session_id))
    async with client.get_queue_receiver("sessions", session_id=session_id) as receiver:
        (message,) = await receive(receiver)
        await receiver.defer_message(message)
        assert message.sequence_number is not None
        (deferred,) = await receiver.receive_deferred_messages(message.sequence_number)
        assert deferred.session_id == session_id
        await receiver.complete_message(deferred)
        assert await receiver.peek_messages() == []


async def test_an_auto_lock_renewer_keeps_message_and_session(client: ServiceBusClient) -> None:
    session_id = uuid4().hex
    await send(client, "renewed", ServiceBusMessage("long work"))
    await send(client, "renewed-sessions", ServiceBusMessage("long work", session_id=session_id))
    renewer = Renewer()
    async with (
        client.get_queue_receiver("renewed") as receiver,
        client.get_queue_receiver("renewed-sessions", session_id=session_id) as session_receiver,
    ):
        (message,) = await receive(receiver)
        renewer.register(receiver, message, 30)
        renewer.register(session_receiver, session_receiver.session, 30)
        (in_session,) = await receive(session_receiver)
        # Longer than the locks, so they have to be renewed.
        await asyncio.sleep(4)
        await receiver.complete_message(message)
        await session_receiver.complete_message(in_session)
        await renewer.close()


async def test_time_to_live_of_a_message(client: ServiceBusClient) -> None:
    await send(
        client, "plain", ServiceBusMessage("short", time_to_live=timedelta(seconds=0.5)), ServiceBusMessage("long")
    )
    async with client.get_queue_receiver("plain") as receiver:
        deadline = datetime.now(UTC) + timedelta(seconds=WAIT)
        while [str(each) for each in await receiver.peek_messages(2)] != ["long"]:
            assert datetime.now(UTC) < deadline
        await receiver.complete_message((await receive(receiver))[0])


async def test_subscription_is_not_found_with_a_reason(client: ServiceBusClient) -> None:
    with pytest.raises(MessagingEntityNotFoundError, match="subscriptions are not supported"):
        async with client.get_subscription_receiver("news", "mine"):
            pass
