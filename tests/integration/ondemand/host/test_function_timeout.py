"""A function that runs for functionTimeout: the worker restarts, with all that it does."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from azure.servicebus import ServiceBusMessage
from azure.servicebus.aio import ServiceBusClient

from tests.integration.ondemand.host.conftest import DEADLINE, RunningPart, host_arguments, host_environ, running

TIMEOUT = {"AzureFunctionsJobHost__functionTimeout": "00:00:03"}


async def told_by_any(host: RunningPart, queue: str, until: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """What the app tells about a queue, once it satisfies *until*, however often the worker restarts meanwhile."""
    async with asyncio.timeout(DEADLINE):
        while True:
            async with httpx.AsyncClient(base_url=host.addresses["url"], timeout=DEADLINE) as http:
                try:
                    answer = await http.get(f"/api/seen/{queue}")
                except httpx.TransportError:
                    continue
            if answer.status_code == 503:
                continue
            told: dict[str, Any] = answer.raise_for_status().json()
            if until(told):
                return told


async def test_hung_thread_restarts_the_worker_and_its_other_invocations_fail(
    bus: str, service_bus: ServiceBusClient, tmp_path: Path
) -> None:
    with running(tmp_path / "host.log", *host_arguments(), **host_environ(bus), **TIMEOUT) as host:
        async with httpx.AsyncClient(base_url=host.addresses["url"], timeout=DEADLINE) as http:
            hung, waits = asyncio.create_task(http.get("/api/hang")), asyncio.create_task(http.get("/api/slow/gate"))
            async with service_bus.get_queue_sender("work") as sender:
                await sender.send_messages(ServiceBusMessage("wait once"))
            assert [(await each).status_code for each in (hung, waits)] == [500, 500]
        seen = await told_by_any(host, "work", lambda told: bool(told["messages"]) and not told["running"])
        assert [message["delivery_count"] for message in seen["messages"]] == [2]
        assert (await told_by_any(host, "slow", lambda told: True))["messages"] == []  # it is another process
        assert host.process.poll() is None
        assert "ran for 3 s, functionTimeout: the worker restarts" in host.log.read_text()
        assert host.terminate() == 0


async def test_host_that_is_told_to_end_does_not_start_again(bus: str, tmp_path: Path) -> None:
    with running(tmp_path / "host.log", *host_arguments(), **host_environ(bus), **TIMEOUT) as host:
        async with httpx.AsyncClient(base_url=host.addresses["url"], timeout=DEADLINE) as http:
            hung = asyncio.create_task(http.get("/api/slow/gate"))
            await told_by_any(host, "slow", lambda told: bool(told["messages"]))
            host.process.terminate()
            assert (await hung).status_code == 500
        assert await asyncio.to_thread(host.process.wait, DEADLINE) == 0


async def test_function_that_blocks_the_event_loop_restarts_the_worker_too(bus: str, tmp_path: Path) -> None:
    with running(tmp_path / "host.log", *host_arguments(), **host_environ(bus), **TIMEOUT) as host:
        async with httpx.AsyncClient(base_url=host.addresses["url"], timeout=DEADLINE) as http:
            with pytest.raises(httpx.TransportError):  # nothing is left that could answer
                await http.get("/api/block")
        assert (await told_by_any(host, "slow", lambda told: True))["messages"] == []
        assert "blocked the event loop for 3 s, functionTimeout: the worker restarts" in host.log.read_text()
        assert host.terminate() == 0


async def test_thread_that_hangs_does_not_keep_the_host_from_ending(bus: str, tmp_path: Path) -> None:
    """Python waits for every thread at its end."""
    with running(tmp_path / "host.log", *host_arguments("--drain-timeout", "1"), **host_environ(bus)) as host:
        async with httpx.AsyncClient(base_url=host.addresses["url"], timeout=DEADLINE) as http:
            hung = asyncio.create_task(http.get("/api/hang"))
            await told_by_any(host, "slow", lambda told: bool(told["messages"]))
            host.process.terminate()
            assert (await hung).status_code == 503
        assert await asyncio.to_thread(host.process.wait, DEADLINE) == 0
