"""Sending, receiving and settling with the unmodified SDK, asynchronous and synchronous."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from azure.servicebus import ServiceBusMessage, ServiceBusReceiveMode, ServiceBusSubQueue
from azure.servicebus.aio import ServiceBusClient
from azure.servicebus.exceptions import (
    MessageLockLostError,
    MessageSizeExceededError,
    MessagingEntityNotFoundError,
    ServiceBusError,
)

from tests.integration.sdk import receive, send


@pytest.fixture
def client(either_client: ServiceBusClient) -> ServiceBusClient:
    return either_client


async def test_a_message_arrives_as_it_was_sent(client: ServiceBusClient) -> None:
    sent = ServiceBusMessage(
        b"\x00body",
        message_id="the id",
        correlation_id="correlated",
        subject="subject",
        reply_to="reply-to",
        reply_to_session_id="reply-session",
        content_type="application/json",
        application_properties={"text": "t", "number": 7, "flag": True, "float": 0.5},
        time_to_live=timedelta(hours=1),
    )
    before = datetime.now(UTC) - timedelta(seconds=1)
    await send(client, "plain", sent)
    async with client.get_queue_receiver("plain") as receiver:
        (message,) = await receive(receiver)
        assert message.locked_until_utc is not None
        assert message.locked_until_utc > datetime.now(UTC)
        await receiver.complete_message(message)
    assert b"".join(message.body) == b"\x00body"
    assert (message.message_id, message.correlation_id, message.subject) == ("the id", "correlated", "subject")
    assert (message.reply_to, message.reply_to_session_id) == ("reply-to", "reply-session")
    assert message.content_type == "application/json"
    assert message.application_properties == {b"text": b"t", b"number": 7, b"flag": True, b"float": 0.5}
    assert message.time_to_live == timedelta(hours=1)
    assert message.delivery_count == 0
    assert message.sequence_number is not None
    assert message.sequence_number > 0
    assert message.enqueued_time_utc is not None
    assert before <= message.enqueued_time_utc <= datetime.now(UTC)


async def test_lists_batches_and_large_messages_arrive(client: ServiceBusClient) -> None:
    async with client.get_queue_sender("plain") as sender:
        await sender.send_messages([ServiceBusMessage(f"list {n}") for n in range(3)])
        batch = await sender.create_message_batch()
        for n in range(3):
            batch.add_message(ServiceBusMessage(f"batch {n}"))
        await sender.send_messages(batch)
        await sender.send_messages(ServiceBusMessage(b"x" * 900_000))
    async with client.get_queue_receiver("plain") as receiver:
        messages = await receive(receiver, 7)
        for message in messages:
            await receiver.complete_message(message)
    bodies = [b"".join(message.body) for message in messages]
    assert bodies[:6] == [b"list 0", b"list 1", b"list 2", b"batch 0", b"batch 1", b"batch 2"]
    assert bodies[6] == b"x" * 900_000


async def test_a_message_above_the_limit_is_refused(client: ServiceBusClient) -> None:
    async with client.get_queue_sender("plain") as sender:
        with pytest.raises(MessageSizeExceededError):
            await sender.send_messages(ServiceBusMessage(b"x" * 1_100_000))


async def test_an_unknown_queue_is_not_found(client: ServiceBusClient) -> None:
    with pytest.raises(MessagingEntityNotFoundError):
        await send(client, "no-such-queue", ServiceBusMessage("lost"))
    with pytest.raises(MessagingEntityNotFoundError):
        async with client.get_queue_receiver("no-such-queue"):
            pass


async def test_abandoned_messages_come_again_and_are_dead_lettered_at_the_limit(client: ServiceBusClient) -> None:
    await send(client, "tried-twice", ServiceBusMessage("poison"))
    async with client.get_queue_receiver("tried-twice") as receiver:
        for attempt in range(2):
            (message,) = await receive(receiver)
            assert message.delivery_count == attempt
            await receiver.abandon_message(message)
    async with client.get_queue_receiver("tried-twice", sub_queue=ServiceBusSubQueue.DEAD_LETTER) as receiver:
        (message,) = await receive(receiver)
        await receiver.complete_message(message)
    assert str(message) == "poison"
    assert message.dead_letter_reason == "MaxDeliveryCountExceeded"
    assert message.dead_letter_source is None, "as it was not forwarded"


async def test_dead_lettering_keeps_reason_description_and_properties(client: ServiceBusClient) -> None:
    await send(client, "plain", ServiceBusMessage("bad", application_properties={"kept": "yes"}))
    async with client.get_queue_receiver("plain") as receiver:
        (message,) = await receive(receiver)
        await receiver.dead_letter_message(message, reason="because", error_description="it was bad")
    async with client.get_queue_receiver("plain", sub_queue=ServiceBusSubQueue.DEAD_LETTER) as receiver:
        (message,) = await receive(receiver)
        await receiver.complete_message(message)
    assert (message.dead_letter_reason, message.dead_letter_error_description) == ("because", "it was bad")
    assert message.application_properties is not None
    assert message.application_properties[b"kept"] == b"yes"


async def test_expired_messages_are_dead_lettered(client: ServiceBusClient) -> None:
    await send(client, "short-lived", ServiceBusMessage("too late"))
    async with client.get_queue_receiver("short-lived", sub_queue=ServiceBusSubQueue.DEAD_LETTER) as receiver:
        (message,) = await receive(receiver)
        await receiver.complete_message(message)
    assert message.dead_letter_reason == "TTLExpiredException"


async def test_receive_and_delete(client: ServiceBusClient) -> None:
    await send(client, "plain", ServiceBusMessage("gone"))
    mode = ServiceBusReceiveMode.RECEIVE_AND_DELETE
    async with client.get_queue_receiver("plain", receive_mode=mode) as receiver:
        (message,) = await receive(receiver)
        assert str(message) == "gone"
        assert await receiver.peek_messages() == []


async def test_deferred_messages_are_received_by_number_and_settled(client: ServiceBusClient) -> None:
    await send(client, "plain", ServiceBusMessage("later"))
    async with client.get_queue_receiver("plain") as receiver:
        (message,) = await receive(receiver)
        await receiver.defer_message(message)
        assert message.sequence_number is not None
        (deferred,) = await receiver.receive_deferred_messages(message.sequence_number)
        assert str(deferred) == "later"
        await receiver.complete_message(deferred)
        assert await receiver.peek_messages() == []


async def test_peek_changes_nothing_and_continues_where_it_was(client: ServiceBusClient) -> None:
    await send(client, "plain", *(ServiceBusMessage(f"p{n}") for n in range(3)))
    async with client.get_queue_receiver("plain") as receiver:
        first = await receiver.peek_messages(2)
        assert [str(message) for message in first] == ["p0", "p1"]
        assert first[1].sequence_number is not None
        rest = await receiver.peek_messages(5, sequence_number=first[1].sequence_number + 1)
        assert [str(message) for message in rest] == ["p2"]
        for message in await receive(receiver, 3):
            await receiver.complete_message(message)


async def test_a_lost_lock_is_reported_and_the_message_comes_again(client: ServiceBusClient) -> None:
    await send(client, "short-lock", ServiceBusMessage("slow"))
    async with client.get_queue_receiver("short-lock") as first, client.get_queue_receiver("short-lock") as second:
        (lost,) = await receive(first)
        (again,) = await receive(second)
        assert again.delivery_count == 1
        with pytest.raises(MessageLockLostError):
            await first.complete_message(lost)
        await second.complete_message(again)


async def test_a_renewed_lock_holds_longer(client: ServiceBusClient) -> None:
    await send(client, "plain", ServiceBusMessage("renewed"))
    async with client.get_queue_receiver("plain") as receiver:
        (message,) = await receive(receiver)
        before = message.locked_until_utc
        after = await receiver.renew_message_lock(message)
        assert before is not None
        assert after >= before
        await receiver.complete_message(message)


async def test_scheduled_messages_wait_for_their_time(client: ServiceBusClient) -> None:
    due = datetime.now(UTC) + timedelta(seconds=1.5)
    async with client.get_queue_sender("plain") as sender:
        await sender.schedule_messages(ServiceBusMessage("by operation"), due)
        await sender.send_messages(ServiceBusMessage("by annotation", scheduled_enqueue_time_utc=due))
        await sender.send_messages([ServiceBusMessage("in a batch", scheduled_enqueue_time_utc=due)])
    async with client.get_queue_receiver("plain") as receiver:
        messages = await receive(receiver, 3)
        for message in messages:
            await receiver.complete_message(message)
    assert sorted(str(message) for message in messages) == ["by annotation", "by operation", "in a batch"]
    # AMQP timestamps have milliseconds.
    assert all(each.enqueued_time_utc >= due - timedelta(milliseconds=1) for each in messages if each.enqueued_time_utc)


async def test_a_cancelled_scheduled_message_never_arrives(client: ServiceBusClient) -> None:
    due = datetime.now(UTC) + timedelta(hours=1)
    async with client.get_queue_sender("plain") as sender:
        numbers = await sender.schedule_messages([ServiceBusMessage("a"), ServiceBusMessage("b")], due)
        await sender.cancel_scheduled_messages(numbers)
        with pytest.raises(ServiceBusError, match="message-not-found"):
            await sender.cancel_scheduled_messages(numbers)
    async with client.get_queue_receiver("plain") as receiver:
        assert await receiver.peek_messages() == []


async def test_duplicates_are_dropped_and_accepted(client: ServiceBusClient) -> None:
    message_id = uuid4().hex
    async with client.get_queue_sender("once") as sender:
        await sender.send_messages(ServiceBusMessage("first", message_id=message_id))
        await sender.send_messages(ServiceBusMessage("second", message_id=message_id))
        await sender.send_messages([ServiceBusMessage("third", message_id=message_id), ServiceBusMessage("other")])
    async with client.get_queue_receiver("once") as receiver:
        messages = await receive(receiver, 2)
        for message in messages:
            await receiver.complete_message(message)
        assert await receiver.peek_messages() == []
    assert [str(message) for message in messages] == ["first", "other"]
