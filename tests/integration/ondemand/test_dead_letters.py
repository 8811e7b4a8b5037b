"""``ondemand dead-letters`` as its user sees it, on a real broker."""

import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import pytest_asyncio
from azure.servicebus import ServiceBusClient, ServiceBusMessage, ServiceBusReceivedMessage

from functions.contracts import RunModel, commands_in
from ondemand.dead_letters.failed_queue import take
from ondemand.dead_letters.letter import body_of
from ondemand.stack import Stack

TIMEOUT = 60
ROOT = Path(__file__).parents[3]
COMMAND = (sys.executable, "-m", "ondemand.cli", "dead-letters")
ENVIRON = {name: value for name, value in os.environ.items() if name not in {"SERVICEBUS_CONNECTION", "OPERATIONS_URL"}}
ENVIRON |= {"PYTHONPATH": os.pathsep.join((str(ROOT), str(ROOT / "broker"))), "COLUMNS": "200"}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stack(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stack]:
    async with Stack(tmp_path_factory.mktemp("stack"), free_ports=True, only=("broker",), environ=ENVIRON) as running:
        yield running


@pytest.fixture
def bus(stack: Stack) -> Iterator[ServiceBusClient]:
    with ServiceBusClient.from_connection_string(stack.addresses.servicebus_connection) as client:
        yield client
        for queue in ("failed", "run-model"):
            drain(client, queue)


def drain(bus: ServiceBusClient, queue: str) -> list[ServiceBusReceivedMessage]:
    """Take out what is there."""
    found: list[ServiceBusReceivedMessage] = []
    with bus.get_queue_receiver(queue) as receiver:
        while receiver.peek_messages():
            messages = receiver.receive_messages(100, 5)
            for message in messages:
                receiver.complete_message(message)
            found += messages
    return found


def command(number: int) -> RunModel:
    now = datetime.now(UTC)
    return RunModel(
        operation=f"{number:032x}",
        reply_to_session="gone",
        model_type="wine",
        parameters={"alpha": 0.5},
        key="b" * 64,
        created_at=now,
        deadline=now + timedelta(minutes=15),
        expires_at=now + timedelta(days=1),
    )


def fail(bus: ServiceBusClient, *bodies: bytes, queue: str = "run-model", **properties: str | int) -> list[int]:
    """Put messages into the queue as the app does; their numbers."""
    with bus.get_queue_sender("failed") as sender, bus.get_queue_receiver("failed") as receiver:
        for body in bodies:
            known: dict[str | bytes, object] = {
                "sourceQueue": queue,
                "DeadLetterReason": "MaxDeliveryCountExceeded",
                "attempts": 10,
                "operations": "a" * 32,
            }
            message = ServiceBusMessage(body, content_type="application/json")
            message.application_properties = {**known, **properties}  # type: ignore[dict-item]  # plain values
            sender.send_messages(message)
        return [each.sequence_number or 0 for each in receiver.peek_messages(100)][-len(bodies) :]


def run(stack: Stack, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    return run_in(stack.data, *arguments, "--data", str(stack.data), **environ)


def run_in(folder: Path, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        (*COMMAND, *arguments),
        env=ENVIRON | environ,
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
        check=False,
    )


def test_list_tells_where_and_why_and_takes_filters(stack: Stack, bus: ServiceBusClient) -> None:
    fail(bus, b"1", queue="train", DeadLetterReason="TTLExpiredException")
    fail(bus, b"2" * 1234, operations=f"{'c' * 32},{'d' * 32}")
    shown = run(stack, "list")
    assert (shown.returncode, shown.stderr) == (0, "")
    first, second = [line for line in shown.stdout.splitlines() if "│" in line]
    assert [cell.strip() for cell in first.split("│")][3:7] == ["train", "TTLExpiredException", "10", "a" * 32]
    assert f"{'c' * 32} and 1 more" in second

    def bodies(*filters: str) -> list[int]:
        return [each["size"] for each in json.loads(run(stack, "list", "--json", *filters).stdout)]

    assert bodies() == [1, 1234]
    assert bodies("--queue", "train") == [1]
    assert bodies("--operation", "d" * 32) == [1234]
    assert bodies("--older-than", "1h") == []
    assert bodies("--newer-than", "1h", "--limit", "1") == [1]
    assert "no time such as" in run(stack, "list", "--older-than", "soon").stderr


def test_show_tells_everything_and_the_terminal_obeys_nothing(stack: Stack, bus: ServiceBusClient) -> None:
    (number,) = fail(bus, b"\xff\x1b[2J", DeadLetterErrorDescription="ten \x1b[2J times", traceparent="00-a-b-01")
    shown = run(stack, "show", str(number))
    assert shown.returncode == 0
    assert "\x1b" not in shown.stdout
    for text in ("\\xff\\x1b[2J", "ten \\x1b[2J times", "00-a-b-01"):
        assert text in shown.stdout
    assert json.loads(run(stack, "show", str(number), "--json").stdout)["body_base64"] == "/xtbMko="
    assert run(stack, "show", str(number + 1)).stderr == f"there is no message {number + 1}\n"


def test_replay_is_a_new_operation_and_leaves_the_others(stack: Stack, bus: ServiceBusClient) -> None:
    fail(bus, b"before")
    (number,) = fail(bus, command(1).to_json())
    fail(bus, b"behind")
    done = run(stack, "replay", str(number))
    assert (done.returncode, done.stderr) == (0, "")
    (message,) = drain(bus, "run-model")
    (new,) = commands_in(body_of(message))
    assert isinstance(new, RunModel)
    assert done.stdout == f"{number}: sent again; operation {command(1).operation} is now {new.operation}\n"
    assert (message.message_id, message.correlation_id) == (new.message_id, new.operation)
    assert message.application_properties == {b"replayOf": command(1).operation.encode()}
    assert (stack.data / "operations" / new.operation / "status.json").exists()
    assert [body_of(each) for each in drain(bus, "failed")] == [b"before", b"behind"]


def test_what_cannot_be_sent_is_said_and_stays(stack: Stack, bus: ServiceBusClient) -> None:
    (cut,) = fail(bus, b"cut", truncatedFrom=300_000)
    (gone,) = fail(bus, command(2).model_copy(update={"input_stored": True}).to_json())
    done = run(stack, "replay", "--all")
    assert done.returncode == 1
    assert done.stdout.splitlines() == [
        f"{cut}: not sent, only the first 3 of its 300,000 bytes are kept",
        f"{gone}: not sent, the rows of operation {command(2).operation} are no longer in the store",
    ]
    assert len(drain(bus, "failed")) == 2


def test_nothing_is_lost_when_a_replay_ends_between_sending_and_deleting(bus: ServiceBusClient) -> None:
    numbers = fail(bus, b"1", b"2", b"3")
    handled: list[bytes] = []

    def handle(message: ServiceBusReceivedMessage) -> bool:
        handled.append(body_of(message))
        if len(handled) == 2:
            raise KeyboardInterrupt
        return True

    with bus.get_queue_receiver("failed") as receiver, pytest.raises(KeyboardInterrupt):
        take(receiver, set(numbers), handle)
    with bus.get_queue_receiver("failed") as receiver:
        assert take(receiver, {*numbers, 10**9}, lambda _: True) == {numbers[0], 10**9}
    assert drain(bus, "failed") == []


def test_purge_asks_and_deletes_what_is_meant(stack: Stack, bus: ServiceBusClient) -> None:
    fail(bus, b"1", queue="train")
    fail(bus, b"2")
    assert "give --all" in run(stack, "purge").stderr
    assert run(stack, "purge", "--all").returncode == 1  # nobody answers
    done = run(stack, "purge", "--queue", "train", "--yes")
    assert (done.returncode, done.stdout) == (0, "deleted 1\n")
    assert [body_of(each) for each in drain(bus, "failed")] == [b"2"]


def test_dead_letter_queue_can_be_looked_at_before_predict_comes(stack: Stack, bus: ServiceBusClient) -> None:
    with bus.get_queue_sender("train") as sender, bus.get_queue_receiver("train") as receiver:
        sender.send_messages(ServiceBusMessage("poison", message_id="m-1"))
        (message,) = receiver.receive_messages(max_wait_time=TIMEOUT)
        receiver.dead_letter_message(message, reason="looked bad")
    (letter,) = json.loads(run(stack, "list", "--dead-letter-queue-of", "train", "--json").stdout)
    assert (letter["queue"], letter["reason"], letter["message_id"]) == ("train", "looked bad", "m-1")
    shown = run(stack, "show", str(letter["number"]), "--dead-letter-queue-of", "train")
    assert "poison" in shown.stdout


def test_given_connection_wins_and_needs_the_store_to_replay(stack: Stack, bus: ServiceBusClient) -> None:
    fail(bus, command(3).to_json())
    elsewhere = {"SERVICEBUS_CONNECTION": stack.addresses.servicebus_connection}
    assert len(json.loads(run(stack, "list", "--json", **elsewhere).stdout)) == 1
    assert "set OPERATIONS_URL" in run(stack, "replay", "--all", **elsewhere).stderr


def test_what_is_wrong_is_told_in_a_line(stack: Stack, tmp_path: Path) -> None:
    assert "the connection cannot be used" in run(stack, "list", "--connection", "Endpoint=x").stderr
    dead = "Endpoint=sb://127.0.0.1:1;SharedAccessKeyName=a;SharedAccessKey=b;UseDevelopmentEmulator=true;"
    told = run(stack, "list", "--connection", dead).stderr
    assert told.startswith("no answer: ")
    assert told.count("\n") == 1
    (tmp_path / "addresses.json").write_text(
        json.dumps({"servicebus_connection": dead, "mlflow": "", "databricks": "", "operations": ""})
    )
    stopped = run_in(tmp_path, "list", "--data", str(tmp_path)).stderr
    assert stopped.startswith(f"no answer from the stack on {tmp_path}, which `ondemand up` starts: ")
    assert "no stack runs on .ondemand" in run_in(ROOT / "docs", "list").stderr
