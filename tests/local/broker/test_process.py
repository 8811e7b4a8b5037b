"""The broker as a process: the command line, its end, and what a client's death does."""

import socket
import subprocess
import sys
from pathlib import Path

from azure.servicebus import NEXT_AVAILABLE_SESSION, ServiceBusMessage
from azure.servicebus.aio import ServiceBusClient

from tests.local.broker.conftest import START_TIMEOUT, RunningBroker, start_broker
from tests.local.broker.test_messages import WAIT, receive, send

_HOLD_A_SESSION = """
import sys
from azure.servicebus import ServiceBusClient
with ServiceBusClient.from_connection_string(sys.argv[1]) as client:
    with client.get_queue_receiver("sessions", session_id=sys.argv[2]) as receiver:
        receiver.receive_messages(1, max_wait_time=30)
        print("held", flush=True)
        sys.stdin.read()
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


async def test_garbage_costs_one_connection_only(client: ServiceBusClient, broker: RunningBroker) -> None:
    port = int(broker.connection_string.split(";")[0].rpartition(":")[2])
    for garbage in (b"GET / HTTP/1.1\r\n\r\n", b"AMQP\x00\x01\x00\x00" + b"\xff" * 64):
        with socket.create_connection(("127.0.0.1", port), timeout=WAIT) as connection:
            connection.sendall(garbage)
            while connection.recv(4096):
                pass
    await send(client, "plain", ServiceBusMessage("still here"))
    async with client.get_queue_receiver("plain") as receiver:
        await receiver.complete_message((await receive(receiver))[0])


def test_the_process_ends_when_its_parent_lets_go(tmp_path: Path) -> None:
    running = start_broker(tmp_path, "--memory", "--end-with-parent", stdin=subprocess.PIPE)
    assert running.process.stdin is not None
    running.process.stdin.close()
    assert running.process.wait(START_TIMEOUT) == 0
