"""`servicebus-broker` as a person or a script starts it."""

import json
import os
import pty
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from azure.servicebus import ServiceBusClient, ServiceBusMessage
from azure.servicebus.management import ServiceBusAdministrationClient

from servicebus_broker.service.broker import MAX_QUEUES

COMMAND = [sys.executable, "-m", "servicebus_broker"]
DEADLINE = 60
FREE_PORTS = ("--port", "0", "--https-port", "0")


@contextmanager
def running(*options: str, stdout: int = subprocess.PIPE) -> Iterator[subprocess.Popen[str]]:
    """A broker that takes any free port; killed at the end if it is still there."""
    with subprocess.Popen([*COMMAND, *FREE_PORTS, *options], stdout=stdout, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def addresses(process: subprocess.Popen[str]) -> dict[str, str]:
    """The addresses in the ready line."""
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line.startswith("ready ")
    found: dict[str, str] = json.loads(line.removeprefix("ready "))
    return found


def refused(*options: str) -> str:
    """The one line on standard error of a broker that ends with status 2."""
    result = subprocess.run([*COMMAND, *options], capture_output=True, text=True, timeout=DEADLINE, check=False)
    assert (result.returncode, result.stdout) == (2, "")
    (line,) = result.stderr.splitlines()
    return line


@pytest.fixture
def taken_port() -> Iterator[str]:
    """A port that is in use."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield str(listener.getsockname()[1])


def test_queues_by_name_can_be_used_at_once() -> None:
    with running("--memory", "--queue", "orders", "--queue", "replies,session") as process:
        connection_string = addresses(process)["connection_string"]
        with ServiceBusClient.from_connection_string(connection_string, retry_total=0) as client:
            with client.get_queue_sender("orders") as sender:
                sender.send_messages(ServiceBusMessage("one"))
            with client.get_queue_receiver("replies", session_id="mine") as receiver:
                assert receiver.session.session_id == "mine"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signal_ends_it_with_status_0(number: signal.Signals) -> None:
    with running("--memory", "--no-https") as process:
        addresses(process)
        process.send_signal(number)
        assert process.wait(DEADLINE) == 0


def test_terminal_shows_connection_strings_to_paste(tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    with running("--data", str(tmp_path / "kept"), "--queue", "orders", stdout=theirs) as process:
        os.close(theirs)
        shown = b""
        while b"Ctrl-C" not in shown:
            shown += os.read(ours, 65536)
        process.terminate()
        assert process.wait(DEADLINE) == 0
    os.close(ours)
    ready, text = shown.decode().split("\n", 1)
    found = json.loads(ready.removeprefix("ready "))
    assert found["connection_string"] in text
    assert found["administration"] in text
    assert f'connection_verify="{found["certificate"]}"' in text
    assert re.search(r"^Queues: orders\r?$", text, re.MULTILINE)
    assert str(tmp_path / "kept") in text


def test_script_gets_only_the_ready_line() -> None:
    with running("--memory", "--no-https") as process:
        assert list(addresses(process)) == ["connection_string"]
        process.terminate()
        assert process.stdout is not None
        assert process.stdout.read() == ""


def test_without_queue_options_it_starts_with_none() -> None:
    with running("--memory") as process:
        found = addresses(process)
        with ServiceBusAdministrationClient.from_connection_string(
            found["administration"], connection_verify=found["certificate"]
        ) as client:
            assert list(client.list_queues()) == []


def test_a_port_in_use_is_named(taken_port: str) -> None:
    assert f"cannot listen on 127.0.0.1:{taken_port}: Address already in use" in refused(
        "--memory", "--port", taken_port
    )
    assert f"127.0.0.1:{taken_port}: Address already in use" in refused(
        "--memory", "--port", "0", "--https-port", taken_port
    )


def test_error_in_the_configuration_is_reported(tmp_path: Path) -> None:
    config = tmp_path / "config.json"
    assert str(config) in refused("--config", str(config))
    config.write_text('{"UserConfig": {"Namespaces": [{"Name": "n", "Queues": [{"Name": "orders"}]}]}}')
    assert "--queue Orders" in refused("--config", str(config), "--queue", "Orders")


@pytest.mark.parametrize("where", ["memory", "data"])
def test_more_queues_than_the_limit_are_refused(tmp_path: Path, where: str) -> None:
    config = tmp_path / "config.json"
    queues = [{"Name": f"q-{number}"} for number in range(MAX_QUEUES + 1)]
    config.write_text(json.dumps({"UserConfig": {"Namespaces": [{"Queues": queues}]}}))
    options = ["--memory"] if where == "memory" else ["--data", str(tmp_path / "data")]
    assert f"holds {MAX_QUEUES} at most" in refused("--config", str(config), *options)


def test_a_topic_is_refused_by_name(tmp_path: Path) -> None:
    config = tmp_path / "config.json"
    config.write_text('{"UserConfig": {"Namespaces": [{"Name": "n", "Topics": [{"Name": "news"}]}]}}')
    assert "topic 'news'" in refused("--config", str(config))


def test_invalid_queue_name_is_refused() -> None:
    assert refused("--queue", "a b").startswith("broker: --queue a b: ")


def test_a_data_folder_in_use_is_refused(tmp_path: Path) -> None:
    with running("--data", str(tmp_path), "--no-https") as process:
        addresses(process)
        assert str(tmp_path) in refused("--data", str(tmp_path), "--port", "0")


@pytest.mark.parametrize("key", ["", "a;b", "a b", "ü"])
def test_a_key_that_no_connection_string_can_have_is_refused(key: str) -> None:
    assert refused("--memory", "--key", key).startswith("broker: --key has characters")


def test_a_given_key_is_that_of_the_connection_string(tmp_path: Path) -> None:
    with running("--data", str(tmp_path), "--key", "SAS_KEY_VALUE") as process:
        found = addresses(process)
        assert ";SharedAccessKey=SAS_KEY_VALUE;" in found["connection_string"]
        assert ";SharedAccessKey=SAS_KEY_VALUE;" in found["administration"]
        assert not (tmp_path / "key").exists()


def test_memory_and_data_exclude_each_other(tmp_path: Path) -> None:
    assert "--memory" in refused("--memory", "--data", str(tmp_path))


def test_a_certificate_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    assert str(file) in refused("--memory", "--port", "0", "--cert", str(file / "certificate.pem"))
    assert f"administration on {tmp_path}: Is a directory" in refused(
        "--memory", "--port", "0", "--cert", str(tmp_path)
    )
