"""The broker as a process: the command line, its end, and the death of a client."""

import json
import socket
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from azure.servicebus import NEXT_AVAILABLE_SESSION, ServiceBusMessage
from azure.servicebus.aio import ServiceBusClient
from azure.servicebus.exceptions import ServiceBusError

from tests.integration.conftest import START_TIMEOUT, RunningBroker, start_broker
from tests.integration.sdk import WAIT, receive, send

QUIET = 2  # seconds

_HOLD_A_SESSION = """
import sys
from azure.servicebus import ServiceBusClient
with ServiceBusClient.from_connection_string(sys.argv[1]) as client:
    with client.get_queue_receiver("sessions", session_id=sys.argv[2]) as receiver:
        receiver.receive_messages(1, max_wait_time=30)
        print("held", flush=True)
        sys.stdin.read()
"""

# The command; when standard input closes, its journal becomes a file that does not support writes at an offset.
_FAIL_THE_DISK = """
import os, sys, threading
from servicebus_broker.cli import app

def fail():
    sys.stdin.read()
    for number in os.listdir("/proc/self/fd"):
        if os.path.basename(os.path.realpath(f"/proc/self/fd/{number}")).startswith("journal-"):
            os.dup2(os.open("/dev/ptmx", os.O_RDWR | os.O_NOCTTY), int(number))
    print("failed", flush=True)

threading.Thread(target=fail, daemon=True).start()
app()
"""


async def test_the_session_of_a_killed_client_is_free_at_once(client: ServiceBusClient, broker: RunningBroker) -> None:
    await send(client, "sessions", ServiceBusMessage("orphan", session_id="of the dead"))
    holder = subprocess.Popen(  # noqa: ASYNC220  # blocks for a moment, with nothing else to run
        [sys.executable, "-c", _HOLD_A_SESSION, broker.connection_string, "of the dead"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    with holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        holder.kill()
    async with client.get_queue_receiver("sessions", session_id=NEXT_AVAILABLE_SESSION, max_wait_time=WAIT) as receiver:
        assert receiver.session.session_id == "of the dead"
        await receiver.complete_message((await receive(receiver))[0])


async def test_garbage_ends_only_its_connection(client: ServiceBusClient, broker: RunningBroker) -> None:
    port = int(broker.connection_string.split(";")[0].rpartition(":")[2])
    for garbage in (b"GET / HTTP/1.1\r\n\r\n", b"AMQP\x00\x01\x00\x00" + b"\xff" * 64):
        with socket.create_connection(("127.0.0.1", port), timeout=WAIT) as connection:
            connection.sendall(garbage)
            while connection.recv(4096):
                pass
    await send(client, "plain", ServiceBusMessage("still here"))
    async with client.get_queue_receiver("plain") as receiver:
        await receiver.complete_message((await receive(receiver))[0])


def test_process_ends_when_its_parent_closes_standard_input(tmp_path: Path) -> None:
    running = start_broker(tmp_path, "--memory", "--end-with-parent", stdin=subprocess.PIPE)
    assert running.process.stdin is not None
    running.process.stdin.close()
    assert running.process.wait(START_TIMEOUT) == 0


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # as in test_durability.py
async def test_failing_disk_ends_it_with_status_1(tmp_path: Path) -> None:
    process = subprocess.Popen(  # noqa: ASYNC220  # blocks for a moment, with nothing else to run
        [
            sys.executable,
            "-c",
            _FAIL_THE_DISK,
            "--port",
            "0",
            "--no-https",
            "--queue",
            "plain",
            "--data",
            str(tmp_path),
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            assert process.stdin is not None
            assert process.stdout is not None
            assert process.stderr is not None
            connection_string = json.loads(process.stdout.readline().removeprefix("ready "))["connection_string"]
            process.stdin.close()
            assert process.stdout.readline() == "failed\n"
            async with ServiceBusClient.from_connection_string(connection_string, retry_total=0) as client:
                with pytest.raises(ServiceBusError):
                    await send(client, "plain", ServiceBusMessage("never answered"))
            assert process.wait(START_TIMEOUT) == 1
            assert "broker: The disk failed, and nobody knows" in process.stderr.read()
        finally:
            process.kill()


async def test_idle_broker_uses_no_cpu(tmp_path: Path) -> None:
    running = start_broker(tmp_path, "--data", str(tmp_path / "data"))
    async with ServiceBusClient.from_connection_string(running.connection_string, retry_total=0) as client:
        await send(client, "plain", ServiceBusMessage("one"))
        async with client.get_queue_receiver("plain") as receiver, client.get_queue_receiver("target") as waiting:
            await receiver.complete_message((await receive(receiver))[0])
            process = psutil.Process(running.process.pid)
            before = process.cpu_times()
            assert await waiting.receive_messages(1, max_wait_time=QUIET) == []
            after = process.cpu_times()
    assert after.user + after.system - before.user - before.system < QUIET / 10
    assert running.stop() == 0
