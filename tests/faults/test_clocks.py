"""Clocks that differ, and one that is set back while messages wait."""

import asyncio
import random
from pathlib import Path

import httpx
import pytest
from azure.servicebus.aio import ServiceBusClient

from ondemand.stack import Stack
from tests.harness.clients import HonestClients, wine_rows
from tests.harness.clocks import clock_of
from tests.harness.faults import for_seconds
from tests.harness.ledger import Ledger
from tests.harness.models import log_wine
from tests.harness.stack import WARM
from tests.harness.truth import Truth

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.long]
FAR_S = 300.0
OUTAGE_S = 8.0
MAX_RETRIES = 8
"""After 1, 2 and 4 seconds, with some room; a runner that spins makes thousands."""


@pytest.mark.parametrize("ahead_s", [-FAR_S, FAR_S], ids=["behind", "ahead"])
@pytest.mark.parametrize("part", ["run-model", "train", "predict"])
async def test_a_clock_that_differs_under_load(
    stack: Stack, http: httpx.AsyncClient, ledger: Ledger, truth: Truth, tmp_path: Path, part: str, ahead_s: float
) -> None:
    async with (
        clock_of(stack, part, tmp_path / "clock") as set_ahead,
        HonestClients(stack.url, ledger, WARM, seed=40 + round(ahead_s / 100), training_pause_s=2) as clients,
    ):
        await clients.until_answered()
        set_ahead(ahead_s)
        await for_seconds(4)
        await clients.until_answered(10)
    await ledger.settle(http, truth)
    print(ledger.table())
    assert ledger.broken() == []


async def test_a_runner_behind_does_not_spin(
    stack: Stack, http: httpx.AsyncClient, ledger: Ledger, truth: Truth, tmp_path: Path
) -> None:
    alpha = 46.5
    await log_wine(stack.addresses, alpha)
    attempt = ledger.attempt("put off", {"alpha": alpha, "l1_ratio": 0.5}, wine_rows(random.Random(1)))
    async with clock_of(stack, "run-model", tmp_path / "clock") as set_ahead:
        set_ahead(-FAR_S)
        await stack.stop_part("mlflow")
        try:
            attempt.heard(await http.post("/predict", json=attempt.body, headers={"Prefer": "wait=1"}))
            await for_seconds(OUTAGE_S)
            log = await asyncio.to_thread(stack.log_of("run-model").read_text)
        finally:
            await stack.start_part("mlflow")
        await ledger.settle(http, truth)
    assert log.count("Trying again in") <= MAX_RETRIES
    assert ledger.broken() == []


@pytest.mark.parametrize("ahead_s", [-3600.0, 3600.0], ids=["back", "forward"])
async def test_the_brokers_clock_is_set(
    stack: Stack, http: httpx.AsyncClient, ledger: Ledger, truth: Truth, tmp_path: Path, ahead_s: float
) -> None:
    """While a training runs and a look at it is scheduled."""
    alpha = 47.5 + ahead_s / 10_000
    attempt = ledger.attempt("untrained", {"alpha": alpha, "l1_ratio": 0.5}, wine_rows(random.Random(2)))
    async with (
        clock_of(stack, "broker", tmp_path / "clock") as set_ahead,
        HonestClients(stack.url, ledger, WARM, seed=50, training_pause_s=0) as clients,
    ):
        attempt.heard(await http.post("/predict", json=attempt.body))
        await until_a_look_is_scheduled(stack)
        set_ahead(ahead_s)
        await for_seconds(4)
        await clients.until_answered(10)
    await ledger.settle(http, truth)
    print(ledger.table())
    assert ledger.broken() == []


async def until_a_look_is_scheduled(stack: Stack) -> None:
    """What is scheduled while the clock is set is by the old time, and later by as much."""
    connection = stack.addresses.servicebus_connection
    async with (
        ServiceBusClient.from_connection_string(connection) as client,
        client.get_queue_receiver("train") as train,
    ):
        async with asyncio.timeout(60):
            while not any(":check:" in str(message.message_id) for message in await train.peek_messages(10)):
                await for_seconds(0.1)
