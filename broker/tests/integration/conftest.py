"""A real broker process for the tests of this folder."""

import json
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import pytest
from azure.servicebus.aio import ServiceBusClient

from tests.integration.threaded import threaded_client
from tests.unit.client import KEY

START_TIMEOUT = 60
_started: list[subprocess.Popen[str]] = []

QUEUES: dict[str, dict[str, object]] = {
    "plain": {},
    "tried-twice": {"MaxDeliveryCount": 2},
    "short-lock": {"LockDuration": "PT1S"},
    "short-lived": {"DefaultMessageTimeToLive": "PT1S", "DeadLetteringOnMessageExpiration": True},
    "once": {"RequiresDuplicateDetection": True, "DuplicateDetectionHistoryTimeWindow": "PT5M"},
    "sessions": {"RequiresSession": True},
    "short-sessions": {"RequiresSession": True, "LockDuration": "PT1S"},
    "renewed": {"LockDuration": "PT3S"},
    "renewed-sessions": {"RequiresSession": True, "LockDuration": "PT3S"},
    "target": {},
    "forwards": {"ForwardTo": "target"},
    "forwards-dead-letters": {"ForwardDeadLetteredMessagesTo": "target"},
    "small": {"MaxSizeInMegabytes": 1, "MaxMessageSizeInKilobytes": 600},
    "send-disabled": {"Status": "SendDisabled"},
    "receive-disabled": {"Status": "ReceiveDisabled"},
}


@dataclass
class RunningBroker:
    """A broker process and its addresses: for messages, and for administration with the certificate's file."""

    process: subprocess.Popen[str]
    connection_string: str
    administration: str = ""
    certificate: str = ""

    def stop(self) -> int:
        """End it as a supervisor would; returns the exit status."""
        self.process.terminate()
        return self.process.wait(START_TIMEOUT)


def start_broker(folder: Path, *options: str, stdin: int | None = None) -> RunningBroker:
    """Start a broker with the queues above on a free port."""
    config = folder / "servicebus.json"
    queues = [{"Name": name, "Properties": properties} for name, properties in QUEUES.items()]
    config.write_text(json.dumps({"UserConfig": {"Namespaces": [{"Name": "sbemulatorns", "Queues": queues}]}}))
    process = subprocess.Popen(
        [sys.executable, "-m", "servicebus_broker", "--port", "0", "--config", str(config), "--key", KEY, *options],
        stdin=stdin,
        stdout=subprocess.PIPE,
        text=True,
    )
    _started.append(process)
    assert process.stdout is not None
    word, _, addresses = process.stdout.readline().partition(" ")
    assert word == "ready", f"the broker ended with status {process.wait(START_TIMEOUT)}"
    process.stdout.close()
    return RunningBroker(process, **json.loads(addresses))


@pytest.fixture(autouse=True)
def no_broker_is_left() -> Iterator[None]:
    """Kill brokers that a failed test started and did not stop. Brokers of wider fixtures stay."""
    there_before = len(_started)
    yield
    for process in _started[there_before:]:
        process.kill()
        process.wait()
    del _started[there_before:]


@pytest.fixture(scope="package")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningBroker]:
    """One broker for all tests of this folder; each test leaves its queue empty."""
    running = start_broker(tmp_path_factory.mktemp("broker"), "--memory")
    yield running
    assert running.stop() == 0


@pytest.fixture(params=["aio", "sync"])
async def either_client(request: pytest.FixtureRequest, broker: RunningBroker) -> AsyncIterator[ServiceBusClient]:
    """The asynchronous client, then the synchronous one behind the same interface; neither retries."""
    if request.param == "sync":
        async with threaded_client(broker.connection_string) as threaded:
            yield cast(ServiceBusClient, threaded)
    else:
        async with ServiceBusClient.from_connection_string(broker.connection_string, retry_total=0) as client:
            yield client


@pytest.fixture
async def client(broker: RunningBroker) -> AsyncIterator[ServiceBusClient]:
    """An asynchronous client that does not retry."""
    async with ServiceBusClient.from_connection_string(broker.connection_string, retry_total=0) as client:
        yield client
