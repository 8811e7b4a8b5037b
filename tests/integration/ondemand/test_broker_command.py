"""``ondemand broker``: the broker with the queues of this product."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from azure.servicebus.management import ServiceBusAdministrationClient
from servicebus_broker.config import read_config
from servicebus_broker.queues.settings import QueueSettings

from ondemand.functions_app import QUEUES

TIMEOUT_S = 60


def ondemand(*arguments: str) -> tuple[str, ...]:
    return (sys.executable, "-m", "ondemand.cli", *arguments)


@pytest.mark.parametrize(
    ("options", "queues"),
    [
        ((), {"run-model", "train", "results", "failed"}),
        (("--queue", "mine"), {"mine"}),
        (("--queue=mine,session",), {"mine"}),
    ],
)
def test_queues_to_begin_with(tmp_path: Path, options: tuple[str, ...], queues: set[str]) -> None:
    certificate = tmp_path / "certificate.pem"
    command = ondemand("broker", "--port", "0", "--memory", "--cert", str(certificate), *options)
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=tmp_path) as process:
        assert process.stdout is not None
        word, _, addresses = process.stdout.readline().partition(" ")
        try:
            assert word == "ready"
            with ServiceBusAdministrationClient.from_connection_string(
                json.loads(addresses)["administration"], connection_verify=str(certificate)
            ) as client:
                assert {queue.name for queue in client.list_queues()} == queues
        finally:
            process.terminate()
        assert process.wait(TIMEOUT_S) == 0


def test_help_names_the_command_as_it_was_called(tmp_path: Path) -> None:
    shown = subprocess.run(
        ondemand("broker", "--help"), capture_output=True, text=True, timeout=TIMEOUT_S, check=True, cwd=tmp_path
    )
    assert "broker [OPTIONS]" in shown.stdout


def test_results_is_the_reply_queue() -> None:
    settings = {queue.name: queue for queue in read_config(QUEUES)}
    assert settings["results"] == QueueSettings(
        name="results",
        lock_duration=60,
        max_delivery_count=10,
        default_time_to_live=3600,
        dead_letter_on_expiration=True,
        requires_session=True,
        requires_duplicate_detection=True,
        duplicate_detection_window=300,
    )
    assert not settings["run-model"].requires_session
    assert not settings["train"].requires_session
