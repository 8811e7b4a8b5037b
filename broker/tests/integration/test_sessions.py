"""Sessions with the unmodified SDK, asynchronous and synchronous."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from azure.servicebus import NEXT_AVAILABLE_SESSION, ServiceBusMessage, ServiceBusSubQueue
from azure.servicebus.aio import ServiceBusClient
from azure.servicebus.exceptions import (
    OperationTimeoutError,
    ServiceBusError,
    SessionCannotBeLockedError,
    SessionLockLostError,
)

from tests.integration.sdk import WAIT, receive, send


@pytest.fixture
def client(either_client: ServiceBusClient) -> ServiceBusClient:
    return either_client


@pytest.fixture
def session_id() -> str:
    return uuid4().hex


async def test_a_named_session_gets_its_messages_in_order(client: ServiceBusClient, session_id: str) -> None:
    messages = [ServiceBusMessage(f"{n}", session_id=session_id) for n in range(3)]
    await send(client, "sessions", *messages, ServiceBusMessage("stranger", session_id="other"))
    async with client.get_queue_receiver("sessions", session_id=session_id) as receiver:
        received = await receive(receiver, 3)
        for message in received:
            await receiver.complete_message(message)
    assert [str(message) for message in received] == ["0", "1", "2"]
    assert {message.session_id for message in received} == {session_id}
    async with client.get_queue_receiver("sessions", session_id="other") as receiver:
        await receiver.complete_message((await receive(receiver))[0])


async def test_messages_sent_to_a_held_session_arrive(client: ServiceBusClient, session_id: str) -> None:
    async with client.get_queue_receiver("sessions", session_id=session_id) as receiver:
        await send(client, "sessions", ServiceBusMessage("here", session_id=session_id))
        (message,) = await receive(receiver)
        await receiver.complete_message(message)
    assert str(message) == "here"


async def test_the_next_available_session_is_handed_out(client: ServiceBusClient, session_id: str) -> None:
    await send(client, "sessions", ServiceBusMessage("waiting", session_id=session_id))
    async with client.get_queue_receiver("sessions", session_id=NEXT_AVAILABLE_SESSION, max_wait_time=WAIT) as receiver:
        assert receiver.session.session_id == session_id
        await receiver.complete_message((await receive(receiver))[0])


async def test_no_session_becomes_available_in_time(client: ServiceBusClient) -> None:
    with pytest.raises(OperationTimeoutError):
        async with client.get_queue_receiver("sessions", session_id=NEXT_AVAILABLE_SESSION, max_wait_time=1):
            pass


async def test_held_session_cannot_be_locked_until_it_is_released(client: ServiceBusClient, session_id: str) -> None:
    async with client.get_queue_receiver("sessions", session_id=session_id):
        with pytest.raises(SessionCannotBeLockedError):
            async with client.get_queue_receiver("sessions", session_id=session_id):
                pass
    async with client.get_queue_receiver("sessions", session_id=session_id):
        pass


async def test_messages_of_a_closed_session_go_to_the_next_receiver_at_once(
    client: ServiceBusClient, session_id: str
) -> None:
    await send(client, "sessions", ServiceBusMessage("orphan", session_id=session_id))
    async with client.get_queue_receiver("sessions", session_id=session_id) as receiver:
        await receive(receiver)
    async with client.get_queue_receiver("sessions", session_id=NEXT_AVAILABLE_SESSION, max_wait_time=WAIT) as receiver:
        (message,) = await receive(receiver)
        await receiver.complete_message(message)
    assert (str(message), message.delivery_count) == ("orphan", 0)


async def test_session_lock_renewal_and_state(client: ServiceBusClient, session_id: str) -> None:
    async with client.get_queue_receiver("sessions", session_id=session_id) as receiver:
        before = receiver.session.locked_until_utc
        after = await receiver.session.renew_lock()
        assert before is not None
        assert after >= before
        assert await receiver.session.get_state() is None
        await receiver.session.set_state(b"half way")
    async with client.get_queue_receiver("sessions", session_id=session_id) as receiver:
        assert await receiver.session.get_state() == b"half way"
        await receiver.session.set_state(None)


async def test_an_expired_session_lock_is_lost(client: ServiceBusClient, session_id: str) -> None:
    await send(client, "short-sessions", ServiceBusMessage("slow", session_id=session_id))
    async with client.get_queue_receiver("short-sessions", session_id=session_id) as loser:
        (message,) = await receive(loser)
        async with client.get_queue_receiver(
            "short-sessions", session_id=NEXT_AVAILABLE_SESSION, max_wait_time=WAIT
        ) as winner:
            (again,) = await receive(winner)
            assert again.delivery_count == 1
            await winner.complete_message(again)
        with pytest.raises(SessionLockLostError):
            await loser.complete_message(message)


async def test_dead_letters_of_a_session_queue_are_read_without_a_session(
    client: ServiceBusClient, session_id: str
) -> None:
    await send(client, "sessions", ServiceBusMessage("dead", session_id=session_id))
    async with client.get_queue_receiver("sessions", session_id=session_id) as receiver:
        await receiver.dead_letter_message((await receive(receiver))[0], reason="test")
    async with client.get_queue_receiver("sessions", sub_queue=ServiceBusSubQueue.DEAD_LETTER) as receiver:
        (message,) = await receive(receiver)
        await receiver.complete_message(message)
    assert (str(message), message.session_id, message.dead_letter_reason) == ("dead", session_id, "test")


async def test_sessions_need_a_queue_that_requires_them(client: ServiceBusClient) -> None:
    with pytest.raises(ServiceBusError, match="SessionId was not set"):
        await send(client, "sessions", ServiceBusMessage("homeless"))
    with pytest.raises(ServiceBusError, match="not-allowed"):
        async with client.get_queue_receiver("sessions"):
            pass
    with pytest.raises(ServiceBusError, match="not-allowed"):
        async with client.get_queue_receiver("plain", session_id="s"):
            pass


async def test_sessions_are_listed_by_messages_state_or_time_of_state(client: ServiceBusClient) -> None:
    old, new, waiting = (f"{name} {uuid4().hex}" for name in ("old", "new", "waiting"))
    listed = {old, new, waiting}

    async def sessions(since: datetime | None = None) -> set[str]:
        return listed & {each async for each in client.list_queue_sessions("sessions", state_updated_after=since)}

    await send(client, "sessions", ServiceBusMessage("here", session_id=waiting))
    async with client.get_queue_receiver("sessions", session_id=old) as receiver:
        await receiver.session.set_state(b"state")
    between = datetime.now(UTC)
    async with client.get_queue_receiver("sessions", session_id=new) as receiver:
        await receiver.session.set_state(b"state")
    assert await sessions() == listed
    assert await sessions(between) == {new}
    assert await sessions(between - timedelta(minutes=1)) == {old, new}
    assert await sessions(between + timedelta(minutes=1)) == set()
    async with (
        client.get_queue_receiver("sessions", session_id=old) as with_old_state,
        client.get_queue_receiver("sessions", session_id=new) as with_new_state,
        client.get_queue_receiver("sessions", session_id=waiting) as receiver,
    ):
        await with_old_state.session.set_state(None)
        await with_new_state.session.set_state(None)
        await receiver.complete_message((await receive(receiver))[0])
    assert await sessions() == set()
