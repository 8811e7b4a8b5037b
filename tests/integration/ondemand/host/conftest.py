"""A real broker and the host with a small function app, each a process."""

import json
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from azure.servicebus.aio import ServiceBusClient

APP = Path(__file__).parent / "app"
DEADLINE = 60.0
FUNCTIONS = (
    *("echo", "plain", "boom", "nothing", "slow", "set_gate", "tell", "any_method", "with_status", "hang", "block"),
    *("work", "dead", "outlive_lock", "conversation"),
)


@dataclass
class RunningPart:
    """A process that said it is ready, and what it said."""

    process: subprocess.Popen[str]
    addresses: dict[str, str]
    log: Path

    def terminate(self) -> int:
        self.process.terminate()
        return self.process.wait(DEADLINE)


def start(log: Path, *arguments: str, **environ: str) -> RunningPart:
    """Start ``python -m`` with *arguments* and wait for its ready line."""
    with log.open("a") as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", *arguments],
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            env=os.environ | environ,
        )
    assert process.stdout is not None
    line = process.stdout.readline()
    process.stdout.close()
    assert line.startswith("ready "), f"status {process.wait(DEADLINE)}\n{log.read_text()}"
    return RunningPart(process, json.loads(line.removeprefix("ready ")), log)


@contextmanager
def running(log: Path, *arguments: str, **environ: str) -> Iterator[RunningPart]:
    part = start(log, *arguments, **environ)
    try:
        yield part
    finally:
        part.process.kill()
        part.process.wait()


def start_broker(log: Path, port: int = 0) -> RunningPart:
    """A broker whose connection string is the same when it comes back."""
    options = ("--memory", "--key", "key", "--port", str(port), "--config", str(APP / "servicebus.json"))
    return start(log, "servicebus_broker", *options)


def host_environ(bus: str, functions: tuple[str, ...] = FUNCTIONS) -> dict[str, str]:
    names = {f"AzureFunctionsJobHost__functions__{index}": name for index, name in enumerate(functions)}
    return {"BUS": bus, "WORK_QUEUE": "work", **names}


def host_arguments(*more: str) -> tuple[str, ...]:
    return ("ondemand.host", "--script-root", str(APP), "--port", "0", *more)


@pytest.fixture(scope="package")
def bus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The connection string of a broker."""
    broker = start_broker(tmp_path_factory.mktemp("broker") / "broker.log")
    yield broker.addresses["connection_string"]
    assert broker.terminate() == 0


@pytest.fixture
def host(bus: str, tmp_path: Path) -> Iterator[RunningPart]:
    """The host, running every function of the app it supports."""
    with running(tmp_path / "host.log", *host_arguments(), **host_environ(bus)) as part:
        yield part
        assert part.terminate() == 0
        assert "given up" not in part.log.read_text()


@pytest.fixture
async def http(host: RunningPart) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=host.addresses["url"], timeout=DEADLINE) as client:
        yield client


@pytest.fixture
async def service_bus(bus: str) -> AsyncIterator[ServiceBusClient]:
    async with ServiceBusClient.from_connection_string(bus) as client:
        yield client


async def told(http: httpx.AsyncClient, queue: str, until: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """What the app tells about a queue, once it satisfies *until*."""
    deadline = time.monotonic() + DEADLINE
    while True:
        answer: dict[str, Any] = (await http.get(f"/api/seen/{queue}")).raise_for_status().json()
        if until(answer):
            return answer
        assert time.monotonic() < deadline, answer
