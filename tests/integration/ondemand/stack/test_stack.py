"""The supervisor with real parts."""

import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import psutil
import pytest
import uvloop
from azure.servicebus import ServiceBusMessage
from azure.servicebus.aio import ServiceBusClient

from ondemand.functions_app import SCRIPT_ROOT
from ondemand.stack import DataFolderInUseError, PartError, Stack
from ondemand.stack.part import Part, PartSpec


@pytest.fixture
async def stack(tmp_path: Path) -> AsyncIterator[Stack]:
    """A stack that is only a broker."""
    async with Stack(tmp_path / "data", free_ports=True, only=("broker",), environ=os.environ) as running:
        yield running


async def send(stack: Stack) -> None:
    connection = stack.addresses.servicebus_connection
    async with (
        ServiceBusClient.from_connection_string(connection, retry_total=0) as client,
        client.get_queue_sender("run-model") as sender,
    ):
        await sender.send_messages(ServiceBusMessage("x"))


async def test_a_started_part_serves_where_the_stack_says(stack: Stack) -> None:
    assert list(stack.parts) == ["broker"]
    await send(stack)


async def test_stopping_leaves_no_process(tmp_path: Path) -> None:
    before = set(psutil.Process().children(recursive=True))
    async with Stack(tmp_path, free_ports=True, only=("broker", "databricks")) as running:
        assert len(set(psutil.Process().children(recursive=True)) - before) >= 2
        assert all(part.is_running for part in running.parts.values())
    assert not set(psutil.Process().children(recursive=True)) - before


async def test_data_folder_is_read_by_its_owner_alone_and_logs_hold_no_key(tmp_path: Path) -> None:
    umask = os.umask(0)
    try:
        async with Stack(tmp_path / "data", free_ports=True, only=("broker", "databricks")) as running:
            await send(running)
    finally:
        os.umask(umask)
    files = [path for path in (tmp_path / "data").rglob("*") if path.is_file()]
    assert {path.name for path in files if path.stat().st_mode & 0o077} <= {"certificate.pem"}
    assert (tmp_path / "data").stat().st_mode & 0o077 == 0
    _, _, key = running.addresses.servicebus_connection.partition("SharedAccessKey=")
    for log in (tmp_path / "data/logs").iterdir():
        assert key.partition(";")[0] not in log.read_text()


def test_a_part_starts_under_uvloop_too(tmp_path: Path) -> None:
    """The benchmarks run by it, and it takes fewer arguments for a child process."""

    async def start() -> None:
        async with Stack(tmp_path / "data", free_ports=True, only=("broker",), environ=os.environ) as running:
            await send(running)

    uvloop.run(start())


async def test_a_death_is_reported_with_its_reason(stack: Stack) -> None:
    os.kill(stack.parts["broker"].pid, signal.SIGKILL)
    death = await stack.died()
    assert (death.name, death.reason) == ("broker", "ended with signal SIGKILL")
    assert death.log == stack.log_of("broker")


async def test_a_killed_part_comes_back_at_its_address(stack: Stack) -> None:
    await stack.kill_part("broker")
    assert not stack.parts["broker"].is_running
    await stack.start_part("broker")
    await send(stack)
    await stack.stop_part("broker")
    await stack.start_part("broker")
    await send(stack)


async def test_a_part_with_an_address_from_outside_is_not_started(stack: Stack, tmp_path: Path) -> None:
    environ = os.environ | {"SERVICEBUS_CONNECTION": stack.addresses.servicebus_connection}
    async with Stack(tmp_path / "other", free_ports=True, only=("broker", "train"), environ=environ) as other:
        assert list(other.parts) == ["train"]
        assert "listening to train" in other.log_of("train").read_text()


async def test_a_data_folder_in_use_is_refused_and_free_afterwards(tmp_path: Path) -> None:
    async with Stack(tmp_path, free_ports=True, only=("broker",)):
        with pytest.raises(DataFolderInUseError, match="in use by another stack"):
            await Stack(tmp_path, free_ports=True, only=("broker",)).start()
    async with Stack(tmp_path, free_ports=True, only=("broker",)) as again:
        await send(again)


async def test_a_part_that_does_not_start_is_shown_with_its_log(tmp_path: Path) -> None:
    arguments = ("ondemand.host", "--script-root", str(tmp_path), "--port", "0")
    part = Part(PartSpec("predict", arguments, tmp_path / "predict.log", os.environ), SCRIPT_ROOT, lambda error: None)
    with pytest.raises(PartError, match=r"(?s)predict ended with exit status 1 while starting.*host\.json") as raised:
        await part.start()
    await part.stop()
    assert raised.value.name == "predict"


async def test_a_part_that_does_not_start_stops_the_others(tmp_path: Path) -> None:
    before = set(psutil.Process().children(recursive=True))
    environ = os.environ | {"CATALOG_FILE": str(tmp_path / "missing.yaml")}
    with pytest.raises(PartError, match=r"missing\.yaml"):
        await Stack(tmp_path / "data", free_ports=True, only=("broker", "train"), environ=environ).start()
    assert not set(psutil.Process().children(recursive=True)) - before
