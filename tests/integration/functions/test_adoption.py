"""Adoption of orphaned sessions while the bus still believes that their owner lives."""

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from azure.servicebus.aio import ServiceBusClient

from functions.bus import Bus
from functions.contracts import Event, Operation
from functions.operations import Operations, open_store
from functions.queues import RESULTS
from functions.settings import BusSettings
from ondemand.functions_app import QUEUES, SCRIPT_ROOT
from tests.integration.ondemand.host.conftest import DEADLINE, RunningPart, running
from tests.unit.functions.stored import as_read

SESSION = "of an instance that died"
OWNER = """
import sys
from azure.servicebus import ServiceBusClient

with ServiceBusClient.from_connection_string(sys.argv[1]) as client:
    with client.get_queue_receiver("results", session_id=sys.argv[2], prefetch_count=10) as receiver:
        print("open", flush=True)
        while not (messages := receiver.receive_messages(max_wait_time=5)):
            pass
        print("received", flush=True)
        sys.stdin.read()
"""
"""An instance that receives an event and neither stores nor settles it."""


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[RunningPart]:
    """A broker that keeps a session locked when its owner is gone, for five seconds after the last renewal."""
    config = json.loads(QUEUES.read_text("utf-8"))
    for queue in config["UserConfig"]["Namespaces"][0]["Queues"]:
        queue["Properties"]["LockDuration"] = "PT5S"
    (tmp_path / "servicebus.json").write_text(json.dumps(config))
    options = ("--memory", "--port", "0", "--keep-session-locks", "--config", str(tmp_path / "servicebus.json"))
    with running(tmp_path / "broker.log", "servicebus_broker", *options) as part:
        yield part


@pytest.fixture
def owner(broker: RunningPart) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", OWNER, broker.addresses["connection_string"], SESSION]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdin is not None
    assert process.stdout.readline() == "open\n"
    yield process
    process.kill()
    process.wait()
    process.stdin.close()
    process.stdout.close()


def outcome(number: int) -> Event:
    operation = Operation(operation_id=f"{number:032x}", status="completed", result=[number])
    return Event(phase="outcome", operation=operation, reply_to_session=SESSION)


async def test_events_are_adopted_when_the_lock_of_the_dead_owner_has_expired(
    broker: RunningPart, owner: subprocess.Popen[str], tmp_path: Path
) -> None:
    """Both the one that it had received and the one that came later."""
    connection, store = broker.addresses["connection_string"], (tmp_path / "operations").as_uri()
    received, later = outcome(1), outcome(2)
    operations = Operations(open_store(store))
    for event in (received, later):
        await operations.begin(event.operation.model_copy(update={"status": "pending", "result": None}))
    bus = Bus(BusSettings(servicebus_connection=connection))
    await bus.publish(RESULTS, received)
    assert owner.stdout is not None
    assert await asyncio.to_thread(owner.stdout.readline) == "received\n"
    owner.kill()
    await asyncio.to_thread(owner.wait)
    await bus.publish(RESULTS, later)
    environ = {
        "SERVICEBUS_CONNECTION": connection,
        "OPERATIONS_URL": store,
        "AzureFunctionsJobHost__functions__0": "adopt_results",
    }
    arguments = ("ondemand.host", "--script-root", str(SCRIPT_ROOT), "--port", "0")
    with running(tmp_path / "host.log", *arguments, **environ) as host:
        for event in (received, later):
            assert event.operation.operation_id is not None
            kept = await operations.wait(event.operation.operation_id, DEADLINE)
            assert as_read(kept) == event.operation
        assert host.terminate() == 0
    await bus.close()
    async with (
        ServiceBusClient.from_connection_string(connection) as client,
        client.get_queue_receiver(RESULTS, session_id=SESSION) as receiver,
    ):
        assert await receiver.peek_messages() == []
