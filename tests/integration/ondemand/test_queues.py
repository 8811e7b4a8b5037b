"""``ondemand queues`` as its user sees it."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from azure.servicebus import ServiceBusClient, ServiceBusMessage

from ondemand.stack import Stack

START_TIMEOUT = 60
QUEUES = (sys.executable, "-m", "ondemand.cli", "queues")
ROOT = Path(__file__).parents[3]
ENVIRON = {key: value for key, value in os.environ.items() if key != "SERVICEBUS_ADMIN_CONNECTION"} | {
    "PYTHONPATH": os.pathsep.join((str(ROOT), str(ROOT / "broker"))),
    "COLUMNS": "120",
}


@dataclass
class RunningBroker:
    """The addresses that a broker announces."""

    connection_string: str
    administration: str
    certificate: str


def show(folder: Path, *options: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run the command in a folder."""
    return subprocess.run(
        (*QUEUES, *options),
        cwd=folder,
        env=ENVIRON | environ,
        capture_output=True,
        text=True,
        timeout=START_TIMEOUT,
        check=False,
    )


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which a broker runs."""
    return tmp_path_factory.mktemp("here")


@pytest.fixture(scope="module")
def broker(here: Path) -> Iterator[RunningBroker]:
    """A broker with a message in the queue "plain", where `ondemand broker` keeps its data."""
    command = (sys.executable, "-m", "ondemand.cli", "broker", "--port", "0", "--queue", "plain")
    process = subprocess.Popen(command, cwd=here, env=ENVIRON, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    word, _, addresses = process.stdout.readline().partition(" ")
    assert word == "ready"
    process.stdout.close()
    running = RunningBroker(**json.loads(addresses))
    with (
        ServiceBusClient.from_connection_string(running.connection_string) as client,
        client.get_queue_sender("plain") as sender,
    ):
        sender.send_messages(ServiceBusMessage("x" * 2000))
    yield running
    process.terminate()
    assert process.wait(START_TIMEOUT) == 0


def test_a_table_of_the_broker_that_runs_here(broker: RunningBroker, here: Path) -> None:
    shown = show(here, "--once")
    assert (shown.returncode, shown.stderr) == (0, "")
    (row,) = [line for line in shown.stdout.splitlines() if "plain" in line]
    assert [cell.strip() for cell in row.strip("│").split("│")][:5] == ["plain", "1", "0", "0", "0"]


def test_json_for_programs(broker: RunningBroker, here: Path) -> None:
    queues = {each["name"]: each for each in json.loads(show(here, "--json").stdout)}
    assert queues["plain"].pop("size") > 2000
    assert queues["plain"] == {"name": "plain", "active": 1, "scheduled": 0, "dead_letter": 0, "transfer": 0}


def test_a_connection_can_be_given_and_has_to_be_trusted(broker: RunningBroker, tmp_path: Path) -> None:
    shown = show(tmp_path, "--json", "--connection", broker.administration, "--cert", broker.certificate)
    assert "plain" in shown.stdout
    refused = show(tmp_path, "--once", SERVICEBUS_ADMIN_CONNECTION=broker.administration)
    assert refused.returncode == 1
    assert "CERTIFICATE_VERIFY_FAILED" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_it_goes_on_until_it_is_interrupted(broker: RunningBroker, here: Path) -> None:
    environ = ENVIRON | {"FORCE_COLOR": "1"}  # by which rich takes the pipe for a terminal
    with subprocess.Popen(
        (*QUEUES, "--interval", "0.1"),
        cwd=here,
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # tests in the background ignore it
    ) as live:
        assert live.stdout is not None
        for _ in range(3):
            while b"plain" not in (line := live.stdout.readline()):
                assert line, "it ended"
        live.send_signal(signal.SIGINT)
        _, errors = live.communicate(timeout=START_TIMEOUT)
    assert (live.returncode, errors) == (0, b"")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ((), "no broker runs on .ondemand/broker or .broker"),
        (("--data", "nowhere"), "no broker runs on nowhere/broker or nowhere"),
        (("--connection", "Endpoint=nonsense"), "the connection cannot be used"),
        (("--connection", "Endpoint=sb://127.0.0.1:1;SharedAccessKeyName=a;SharedAccessKey=b"), "no answer"),
        (("--connection", "here", "--cert", "no-such-file"), "no certificate in no-such-file"),
    ],
    ids=range(5),
)
def test_what_is_wrong_is_told(tmp_path: Path, options: tuple[str, ...], said: str) -> None:
    shown = show(tmp_path, "--once", *options)
    assert (shown.returncode, shown.stdout) == (1, "")
    assert said in shown.stderr
    assert "Traceback" not in shown.stderr


async def test_it_finds_the_queues_of_the_stack(tmp_path: Path) -> None:
    async with Stack(tmp_path / ".ondemand", free_ports=True, only=("broker",)):
        shown = show(tmp_path, "--json")
    assert {each["name"] for each in json.loads(shown.stdout)} == {"run-model", "train", "results", "failed"}
