"""Concurrent clients while the broker is killed again and again: no answered operation is undone.

``KILL_LOOP_ROUNDS`` is the number of kills for each way to sync (5 unless given); ``KILL_LOOP_SEED`` repeats the random
choices.
"""

import asyncio
import gc
import json
import os
import socket
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random

import pytest
from azure.servicebus import ServiceBusMessage, ServiceBusReceivedMessage, ServiceBusSubQueue
from azure.servicebus.aio import ServiceBusClient, ServiceBusReceiver

from servicebus_broker.journal.fsync import Fsync
from servicebus_broker.journal.journal import MIN_COMPACTED_SIZE
from tests.integration.conftest import START_TIMEOUT, RunningBroker, start_broker
from tests.integration.kill_loop_clients import SESSIONS, Clients
from tests.integration.kill_loop_ledger import Ledger

ROUNDS = int(os.environ.get("KILL_LOOP_ROUNDS", "5"))
SEED = int(os.environ.get("KILL_LOOP_SEED", str(time.time_ns() % 1_000_000)))
LONGEST_ROUND = 1.0  # seconds from the first answer to the kill
DEADLINE = 60
ALL_AT_ONCE = 250
UNUSED = "tried-twice"
BALLAST = "x" * 900_000

# azure-servicebus 7.15 does not close the socket of a connection that its peer ended.
pytestmark = [
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.timeout(300 + 10 * ROUNDS),
]


@pytest.fixture(autouse=True)
def collect_sockets() -> Iterator[None]:
    """Raise the warnings about them here, and not in a later test."""
    yield
    gc.collect()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port: int = listening.getsockname()[1]
        return port


async def start(folder: Path, port: int, fsync: Fsync) -> RunningBroker:
    options = ("--port", str(port), "--no-https", "--data", str(folder / "data"), "--fsync", fsync.value)
    return await asyncio.to_thread(start_broker, folder, *options)


def connect(broker: RunningBroker) -> ServiceBusClient:
    return ServiceBusClient.from_connection_string(broker.connection_string)


async def kill(broker: RunningBroker) -> None:
    broker.process.kill()
    await asyncio.to_thread(broker.process.wait, START_TIMEOUT)


@asynccontextmanager
async def working(clients: Clients) -> AsyncIterator[None]:
    task = asyncio.create_task(clients.run())
    try:
        yield
    finally:
        clients.stop.set()
        await asyncio.wait_for(task, DEADLINE)


@pytest.mark.parametrize("fsync", Fsync)
async def test_kills_undo_nothing_that_was_answered(
    tmp_path: Path, fsync: Fsync, capsys: pytest.CaptureFixture[str]
) -> None:
    port = free_port()
    await kill_again_and_again(tmp_path, port, await start(tmp_path, port, fsync), fsync, capsys)


async def test_kills_during_compaction_undo_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    port = free_port()
    broker = await start(tmp_path, port, Fsync.INTERVAL)
    async with connect(broker) as client, client.get_queue_sender(UNUSED) as sender:
        for number in range(MIN_COMPACTED_SIZE // len(BALLAST) + 1):
            await sender.send_messages(ServiceBusMessage(f"{number} {BALLAST}"))
    await kill_again_and_again(tmp_path, port, broker, Fsync.INTERVAL, capsys)
    assert list((tmp_path / "data").glob("snapshot-*")), "it was compacted"
    broker = await start(tmp_path, port, Fsync.INTERVAL)
    async with connect(broker) as client, client.get_queue_receiver(UNUSED) as receiver:
        for expected in range(number + 1):
            (message,) = await receiver.peek_messages(1, sequence_number=expected + 1)
            assert str(message) == f"{expected} {BALLAST}"
    assert broker.stop() == 0


async def kill_again_and_again(
    tmp_path: Path, port: int, broker: RunningBroker, fsync: Fsync, capsys: pytest.CaptureFixture[str]
) -> None:
    random = Random(f"{SEED} {fsync.value}")
    clients = Clients(broker.connection_string, random)
    started = time.monotonic()
    async with working(clients):
        for _ in range(ROUNDS):
            clients.progress.clear()
            await asyncio.wait_for(clients.progress.wait(), DEADLINE)
            await asyncio.sleep(random.uniform(0, LONGEST_ROUND))  # to be killed at any moment
            await kill(broker)
            broker = await start(tmp_path, port, fsync)
    seconds = time.monotonic() - started
    async with connect(broker) as client:
        left = await take_all(client, clients)
    assert broker.stop() == 0
    with capsys.disabled():
        print(f"\n{ROUNDS} kills, --fsync {fsync.value}, seed {SEED}, {seconds:.0f} s")
        print(json.dumps(figures(clients, left)))
    for name, ledger in ledgers(clients).items():
        assert ledger.accepted, name
        assert ledger.lost(left[name]) == set(), f"lost from {name}"
        assert ledger.returned == [], f"delivered by {name} after it was completed"
        assert ledger.duplicated() <= ledger.doubtful, f"stored twice by {name} though the first was acknowledged"
    assert clients.once.duplicated() == set(), "stored twice in spite of duplicate detection"
    assert clients.stale_states == []
    assert in_order(clients.sessions)


def ledgers(clients: Clients) -> dict[str, Ledger]:
    return {"plain": clients.plain, "once": clients.once, "sessions": clients.sessions}


def figures(clients: Clients, left: dict[str, set[str]]) -> dict[str, dict[str, int]]:
    return {name: each.figures() | {"lost": len(each.lost(left[name]))} for name, each in ledgers(clients).items()}


def in_order(sessions: Ledger) -> bool:
    """Whether the messages of each session came, for the first time, in the order in which they were sent."""
    numbers = [int(text.split()[1]) for text in sessions.first_deliveries]
    of_session = [[each for each in numbers if each % len(SESSIONS) == which] for which in range(len(SESSIONS))]
    return all(each == sorted(each) for each in of_session)


async def take_all(client: ServiceBusClient, clients: Clients) -> dict[str, set[str]]:
    """Receive and complete all messages that are left, in any state; the texts by queue."""
    left: dict[str, set[str]] = {"plain": set(), "once": set(), "sessions": set()}
    receivers = [(name, client.get_queue_receiver(name, sub_queue=ServiceBusSubQueue.DEAD_LETTER)) for name in left]
    receivers += [(name, client.get_queue_receiver(name)) for name in left if name != "sessions"]
    receivers += [("sessions", client.get_queue_receiver("sessions", session_id=session)) for session in SESSIONS]
    ledger = ledgers(clients)
    async with asyncio.TaskGroup() as tasks:
        taking = [(name, tasks.create_task(take(receiver, ledger[name]))) for name, receiver in receivers]
    for name, task in taking:
        left[name] |= task.result()
    return left


async def take(receiver: ServiceBusReceiver, ledger: Ledger) -> set[str]:
    taken: set[str] = set()
    async with asyncio.timeout(DEADLINE * 5), receiver:
        # From the first one on: the SDK would begin behind the last one received, and what a client of before still
        # holds may be an earlier one.
        while found := await receiver.peek_messages(ALL_AT_ONCE, sequence_number=1):
            deferred = [number_of(each) for each in found if each.state.name == "DEFERRED"]
            messages = await receiver.receive_deferred_messages(deferred) if deferred else []
            if len(deferred) < len(found):
                messages += await receiver.receive_messages(ALL_AT_ONCE, max_wait_time=2)
            for message in messages:
                ledger.delivered(str(message), number_of(message))
                taken.add(str(message))
                await receiver.complete_message(message)
                ledger.completed(number_of(message))
    return taken


def number_of(message: ServiceBusReceivedMessage) -> int:
    assert message.sequence_number is not None
    return message.sequence_number
