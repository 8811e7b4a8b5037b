"""The inbox and the adoption of orphans, through the real SDK and a real broker."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import ExitStack
from datetime import timedelta

import pytest
import pytest_asyncio
from azure.servicebus import ServiceBusSubQueue
from azure.servicebus.aio import ServiceBusClient
from azure.servicebus.amqp import AmqpAnnotatedMessage, AmqpMessageProperties
from obstore.store import MemoryStore

from functions.bus import Bus
from functions.bus_time import BusTime
from functions.contracts import Event, Operation, utc_now
from functions.operations import Operations
from functions.predict.inbox import Inbox
from functions.predict.results import Results
from functions.queues import RESULTS
from functions.settings import BusSettings
from ondemand.stack import Stack
from tests.unit.functions.stored import as_read

ID = "a" * 32
ACCEPTED = Operation(operation_id=ID, status="pending")
COMPLETED = Operation(operation_id=ID, status="completed", result=[5.6])


class Instance:
    """What one predict instance has: a bus, an inbox, and a store it shares with the others."""

    def __init__(self, connection: str, store: MemoryStore) -> None:
        self.operations = Operations(store)
        self.bus = Bus(BusSettings(servicebus_connection=connection, send_timeout_s=5))
        self.results = Results(self.operations, self.bus, max_waiting=100)
        self.inbox = Inbox(self.bus.client, self.results)

    async def close(self) -> None:
        await self.inbox.close()
        await self.bus.close()


@pytest_asyncio.fixture
async def instance(stack: Stack) -> AsyncIterator[Instance]:
    one = Instance(stack.addresses.servicebus_connection, MemoryStore())
    yield one
    await one.close()


def outcome(session: str) -> Event:
    return Event(phase="outcome", operation=COMPLETED, reply_to_session=session)


async def test_an_outcome_reaches_the_request_that_waits(instance: Instance) -> None:
    session = await instance.inbox.session_id()
    with instance.results.expect(ACCEPTED, durable=False) as waiter:
        await instance.bus.publish(RESULTS, outcome(session))
        assert await waiter.wait(20, leave_for_training=False) == COMPLETED
    assert await instance.operations.read(ID) is None


async def test_an_outcome_that_nobody_waits_for_is_stored(instance: Instance) -> None:
    await instance.operations.begin(ACCEPTED)
    await instance.bus.publish(RESULTS, outcome(await instance.inbox.session_id()))
    assert as_read(await instance.operations.wait(ID, 20)) == COMPLETED


async def test_event_that_may_be_put_off_tells_the_time_of_the_bus(
    instance: Instance, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A host whose clock is behind published it again for a time that was over, and got it back at once."""
    time = BusTime(host_clock=lambda: utc_now() - timedelta(hours=1))
    monkeypatch.setattr("functions.predict.inbox.bus_time", time)
    await instance.operations.begin(ACCEPTED)
    before = utc_now()
    await instance.bus.publish(RESULTS, outcome(await instance.inbox.session_id()))
    assert await instance.operations.wait(ID, 20)
    assert time.now() >= before - timedelta(seconds=1)


async def test_events_that_share_a_message_each_find_their_way(instance: Instance) -> None:
    session = await instance.inbox.session_id()
    waited = [COMPLETED.model_copy(update={"operation_id": f"{number:032x}"}) for number in range(40)]
    await instance.operations.begin(ACCEPTED)
    events = [Event(phase="outcome", operation=each, reply_to_session=session) for each in (*waited, COMPLETED)]
    with ExitStack() as stack:
        accepted = [each.model_copy(update={"status": "pending", "result": None}) for each in waited]
        waiters = [stack.enter_context(instance.results.expect(each, durable=False)) for each in accepted]
        await asyncio.gather(*(instance.bus.publish(RESULTS, event, may_share=True) for event in events))
        assert [await waiter.wait(20, leave_for_training=False) for waiter in waiters] == waited
    assert as_read(await instance.operations.wait(ID, 20)) == COMPLETED


async def test_a_lost_connection_brings_a_new_session(stack: Stack, instance: Instance) -> None:
    first = await instance.inbox.session_id()
    await stack.kill_part("broker")
    await stack.start_part("broker")
    async with asyncio.timeout(30):
        while (second := await instance.inbox.session_id()) == first:  # noqa: ASYNC110  # the SDK tells nobody
            await asyncio.sleep(0)
    await instance.operations.begin(ACCEPTED)
    await instance.bus.publish(RESULTS, outcome(second))
    assert as_read(await instance.operations.wait(ID, 20)) == COMPLETED


async def test_body_that_is_no_data_is_dead_lettered_and_blocks_nobody(stack: Stack, instance: Instance) -> None:
    session = await instance.inbox.session_id()
    async with ServiceBusClient.from_connection_string(stack.addresses.servicebus_connection) as client:
        async with client.get_queue_sender(RESULTS) as sender:
            for body in ({"value_body": {"a": 1}}, {"sequence_body": [["a"], [1]]}):
                message = AmqpAnnotatedMessage(**body, properties=AmqpMessageProperties(group_id=session))
                await sender.send_messages(message)
        await instance.operations.begin(ACCEPTED)
        await instance.bus.publish(RESULTS, outcome(session))
        assert as_read(await instance.operations.wait(ID, 20)) == COMPLETED
        dead = client.get_queue_receiver(RESULTS, sub_queue=ServiceBusSubQueue.DEAD_LETTER)
        async with dead, asyncio.timeout(20):
            found: list[str | None] = []
            while len(found) < 2:
                found += [each.dead_letter_reason for each in await dead.receive_messages(max_wait_time=5)]
    assert found == ["MalformedEvent"] * 2
