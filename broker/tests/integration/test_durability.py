"""Everything that clients were told survives `kill -9` of a broker with a data folder."""

import asyncio
import gc
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from azure.servicebus import ServiceBusMessage, ServiceBusSubQueue
from azure.servicebus.aio import ServiceBusClient, ServiceBusReceiver
from azure.servicebus.exceptions import ServiceBusError

from tests.integration.conftest import START_TIMEOUT, RunningBroker
from tests.integration.durable import connect, kill, start
from tests.integration.sdk import receive, send

SENT_BEFORE_STOP = 40

# azure-servicebus 7.15 does not close the socket of a connection that its peer ended.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@pytest.fixture(autouse=True)
def collect_sockets() -> Iterator[None]:
    """Raise the warnings about them here, and not in a later test."""
    yield
    gc.collect()


def number(message: object) -> int:
    sequence_number = getattr(message, "sequence_number", None)
    assert isinstance(sequence_number, int)
    return sequence_number


async def take_all(receiver: ServiceBusReceiver, count: int) -> list[tuple[str, int | None]]:
    """Receive and complete exactly ``count`` messages, and check that no more are left; bodies and delivery counts."""
    messages = await receive(receiver, count) if count else []
    for message in messages:
        await receiver.complete_message(message)
    assert await receiver.peek_messages() == []
    return sorted((str(message), message.delivery_count) for message in messages)


async def fill_plain(client: ServiceBusClient, due: datetime) -> int:
    """Leave messages in every state; returns the number of the deferred one."""
    await send(client, "plain", *(ServiceBusMessage(name) for name in ("deferred", "dead", "done", "locked")))
    async with client.get_queue_receiver("plain") as receiver, client.get_queue_sender("plain") as sender:
        deferred, dead, done, _ = await receive(receiver, 4)
        await receiver.defer_message(deferred)
        await receiver.dead_letter_message(dead, reason="because", error_description="it was bad")
        await receiver.complete_message(done)
        await sender.schedule_messages(ServiceBusMessage("scheduled"), due)
        await sender.send_messages([ServiceBusMessage("batched 1"), ServiceBusMessage("batched 2")])
        await sender.send_messages(ServiceBusMessage("large" + "x" * 200_000))
    return number(deferred)


async def fill_sessions(client: ServiceBusClient) -> None:
    await send(client, "sessions", ServiceBusMessage("in a session", session_id="s"))
    async with client.get_queue_receiver("sessions", session_id="s") as receiver:
        await receiver.session.set_state(b"the state")


async def check_dead_letter(client: ServiceBusClient) -> None:
    async with client.get_queue_receiver("plain", sub_queue=ServiceBusSubQueue.DEAD_LETTER) as receiver:
        (dead,) = await receive(receiver)
        assert (str(dead), dead.dead_letter_reason, dead.dead_letter_source) == ("dead", "because", None)
        await receiver.complete_message(dead)
        assert await receiver.peek_messages() == []


async def check_plain(client: ServiceBusClient, deferred_number: int, due: datetime) -> None:
    async with client.get_queue_receiver("plain") as receiver:
        (deferred,) = await receiver.receive_deferred_messages(deferred_number)
        await receiver.complete_message(deferred)
        (scheduled,) = [each for each in await receiver.peek_messages(10) if str(each) == "scheduled"]
        assert scheduled.scheduled_enqueue_time_utc == due.replace(microsecond=due.microsecond // 1000 * 1000)
        async with client.get_queue_sender("plain") as sender:
            await sender.cancel_scheduled_messages(number(scheduled))
        taken = await take_all(receiver, 4)
    assert taken == [("batched 1", 0), ("batched 2", 0), ("large" + "x" * 200_000, 0), ("locked", 1)]


async def check_sessions(client: ServiceBusClient) -> None:
    async with client.get_queue_receiver("sessions", session_id="s") as receiver:
        assert await receiver.session.get_state() == b"the state"
        assert await take_all(receiver, 1) == [("in a session", 0)]


async def check_duplicates(client: ServiceBusClient) -> None:
    await send(client, "once", ServiceBusMessage("dropped", message_id="id"))
    async with client.get_queue_receiver("once") as receiver:
        assert await take_all(receiver, 1) == [("first", 0)]


async def test_everything_comes_back_exactly_once(tmp_path: Path) -> None:
    broker = start(tmp_path)
    due = datetime.now(UTC) + timedelta(hours=1)
    async with connect(broker) as client:
        deferred_number, _, _ = await asyncio.gather(
            fill_plain(client, due),
            fill_sessions(client),
            send(client, "once", ServiceBusMessage("first", message_id="id")),
        )
        kill(broker)
    broker = start(tmp_path)
    async with connect(broker) as client, asyncio.TaskGroup() as checks:
        checks.create_task(check_dead_letter(client))
        checks.create_task(check_plain(client, deferred_number, due))
        checks.create_task(check_sessions(client))
        checks.create_task(check_duplicates(client))
    assert broker.stop() == 0


async def test_completed_messages_do_not_return(tmp_path: Path) -> None:
    broker = start(tmp_path)
    async with connect(broker) as client:
        await send(client, "plain", ServiceBusMessage("done"))
        async with client.get_queue_receiver("plain") as receiver:
            await take_all(receiver, 1)
        kill(broker)
    broker = start(tmp_path)
    async with connect(broker) as client, client.get_queue_receiver("plain") as receiver:
        assert await take_all(receiver, 0) == []
    assert broker.stop() == 0


async def test_a_stop_counts_no_delivery_and_a_kill_counts_one(tmp_path: Path) -> None:
    for end, count in ((RunningBroker.stop, 0), (RunningBroker.stop, 0), (kill, 0), (RunningBroker.stop, 1)):
        broker = start(tmp_path)
        async with connect(broker) as client:
            if not (tmp_path / "sent").exists():
                await asyncio.gather(
                    send(client, "plain", ServiceBusMessage("held")),
                    send(client, "sessions", ServiceBusMessage("held in a session", session_id="s")),
                )
                (tmp_path / "sent").touch()
            async with (
                client.get_queue_receiver("plain") as receiver,
                client.get_queue_receiver("sessions", session_id="s") as session_receiver,
            ):
                held, held_in_session = await receive(receiver), await receive(session_receiver)
                end(broker)
        assert [each.delivery_count for each in (*held, *held_in_session)] == [count, count]


async def test_message_accepted_while_the_broker_stops_is_kept(tmp_path: Path) -> None:
    broker = start(tmp_path)
    accepted: list[str] = []
    async with connect(broker) as client, client.get_queue_sender("plain") as sender:
        try:
            while True:
                await sender.send_messages(ServiceBusMessage(str(len(accepted))))
                accepted.append(str(len(accepted)))
                if len(accepted) == SENT_BEFORE_STOP:
                    broker.process.terminate()
        except ServiceBusError:
            assert broker.process.wait(START_TIMEOUT) == 0
    broker = start(tmp_path)
    async with connect(broker) as client, client.get_queue_receiver("plain") as receiver:
        assert [str(each) for each in await receive(receiver, len(accepted))] == accepted
    assert broker.stop() == 0
