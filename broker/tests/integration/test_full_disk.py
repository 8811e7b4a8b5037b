"""A full disk: new messages are refused, stored ones are delivered and settled, and nothing is lost."""

import asyncio
import resource
from pathlib import Path

import pytest
from azure.servicebus import ServiceBusMessage, ServiceBusSubQueue
from azure.servicebus.aio import ServiceBusClient
from azure.servicebus.exceptions import ServiceBusError, ServiceBusQuotaExceededError

from servicebus_broker.journal.journal import RESERVE
from tests.integration.conftest import RunningBroker, start_broker
from tests.integration.durable import connect, kill, start
from tests.integration.sdk import receive, send

DEADLINE = 60
LARGE = "x" * 250_000
QUIET = 0.5


def limit_files(broker: RunningBroker, size: int) -> None:
    """Let no file of the broker grow beyond this many bytes, which the broker takes for a full disk."""
    _, hard = resource.prlimit(broker.process.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(broker.process.pid, resource.RLIMIT_FSIZE, (size, hard))


async def send_until_refused(client: ServiceBusClient) -> list[str]:
    """The messages that were accepted."""
    accepted: list[str] = []
    async with client.get_queue_sender("plain") as sender:
        while True:
            body = f"{len(accepted)} {LARGE}"
            try:
                await sender.send_messages(ServiceBusMessage(body))
            except ServiceBusQuotaExceededError:
                return accepted
            accepted.append(body)


async def test_full_disk_refuses_new_messages_and_delivers_stored_ones(tmp_path: Path) -> None:
    broker = start(tmp_path)
    limit_files(broker, 2 * RESERVE)
    async with connect(broker) as client:
        accepted = await send_until_refused(client)
        assert len(accepted) > 5
        with pytest.raises(ServiceBusQuotaExceededError):
            await send(client, "sessions", ServiceBusMessage(LARGE, session_id="s"))
        async with client.get_queue_receiver("sessions", session_id="s") as receiver:
            with pytest.raises(ServiceBusError, match="disk is full"):
                await receiver.session.set_state(b"state")
            await receiver.session.set_state(None)
        async with client.get_queue_receiver("plain") as receiver:
            completed, abandoned, deferred, dead, _ = await receive(receiver, 5)
            await receiver.complete_message(completed)
            await receiver.abandon_message(abandoned)
            await receiver.defer_message(deferred)
            await receiver.dead_letter_message(dead, reason="because")
        kill(broker)
    broker = start(tmp_path)
    left = set(accepted) - {str(completed), str(dead)}
    async with connect(broker) as client:
        async with client.get_queue_receiver("plain") as receiver:
            assert deferred.sequence_number is not None
            (again,) = await receiver.receive_deferred_messages(deferred.sequence_number)
            taken = [again, *await receive(receiver, len(left) - 1)]
            assert {str(each) for each in taken} == left
        async with client.get_queue_receiver("plain", sub_queue=ServiceBusSubQueue.DEAD_LETTER) as receiver:
            assert [str(each) for each in await receive(receiver)] == [str(dead)]
    assert broker.stop() == 0


async def test_messages_are_accepted_again_when_there_is_room(tmp_path: Path) -> None:
    broker = start(tmp_path)
    limit_files(broker, 2 * RESERVE)
    async with connect(broker) as client:
        await send_until_refused(client)
        limit_files(broker, resource.RLIM_INFINITY)
        await send(client, "plain", ServiceBusMessage("there is room"))
    assert broker.stop() == 0


async def test_receiving_makes_room(tmp_path: Path) -> None:
    broker = start(tmp_path)
    limit_files(broker, 2 * RESERVE)
    async with connect(broker) as client:
        accepted = await send_until_refused(client)
        async with client.get_queue_receiver("plain") as receiver:
            for _ in accepted:
                (message,) = await receive(receiver)
                await receiver.complete_message(message)
        assert await send_until_refused(client) != []
    assert broker.stop() == 0


async def test_no_client_is_answered_while_nothing_can_be_written(tmp_path: Path) -> None:
    broker = start_broker(tmp_path, "--data", str(tmp_path / "data"), "--fsync", "never")
    async with connect(broker) as client, client.get_queue_sender("plain") as sender:
        # Not even the reserve can be used; on a real disk it can.
        limit_files(broker, 1)
        sending = asyncio.create_task(sender.send_messages(ServiceBusMessage("patient")))
        done, _ = await asyncio.wait([sending], timeout=QUIET)
        assert not done
        limit_files(broker, resource.RLIM_INFINITY)
        await asyncio.wait_for(sending, DEADLINE)
        kill(broker)
    broker = start(tmp_path)
    async with connect(broker) as client, client.get_queue_receiver("plain") as receiver:
        assert [str(each) for each in await receive(receiver)] == ["patient"]
    assert broker.stop() == 0
