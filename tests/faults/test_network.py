"""Connections between parts that are cut, slow, half open, or lose the confirmation of what was taken."""

import asyncio
import random
from collections.abc import AsyncIterator

import httpx
import pytest
import pytest_asyncio

from ondemand.stack import Stack
from tests.harness.bus import PATIENCE_S
from tests.harness.clients import HonestClients, wine_rows
from tests.harness.faults import altered, before_the_broker, for_seconds
from tests.harness.ledger import Ledger
from tests.harness.proxy import Proxy, port_of
from tests.harness.stack import WARM
from tests.harness.truth import Truth

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest_asyncio.fixture(loop_scope="session")
async def to_broker(stack: Stack) -> AsyncIterator[dict[str, Proxy]]:
    """A proxy before the broker for each host."""
    async with before_the_broker(stack) as proxies:
        yield proxies


@pytest.mark.long
async def test_a_slow_and_broken_way_to_mlflow_trains_nothing_twice(
    stack: Stack, http: httpx.AsyncClient, ledger: Ledger, truth: Truth
) -> None:
    address = stack.addresses.mlflow
    async with (
        Proxy(port_of(address)) as proxy,
        altered(stack, "run-model", MLFLOW_TRACKING_URI=proxy.address(address)),
        HonestClients(stack.url, ledger, WARM, seed=4, training_pause_s=2) as clients,
    ):
        for attribute, value in (("refuse", True), ("delay_s", 0.3), ("half_open", True)):
            setattr(proxy, attribute, value)
            proxy.cut()
            await for_seconds(4)
            setattr(proxy, attribute, type(value)())
            await clients.until_answered()
    await ledger.settle(http, truth)
    print(ledger.table())
    assert ledger.broken() == []


@pytest.mark.long
async def test_connections_to_the_broker_are_cut_held_and_slow(
    stack: Stack, http: httpx.AsyncClient, ledger: Ledger, truth: Truth, to_broker: dict[str, Proxy]
) -> None:
    async with HonestClients(stack.url, ledger, WARM, seed=3) as clients:
        await clients.until_answered()
        for proxy in to_broker.values():
            proxy.cut()
            await clients.until_answered()
            proxy.half_open = True
            await for_seconds(4)  # longer than a send may take
            proxy.half_open = False
            await clients.until_answered()
            proxy.delay_s = 0.05
            await clients.until_answered()
            proxy.delay_s = 0.0
    await ledger.settle(http, truth)
    print(ledger.table())
    assert ledger.broken() == []


@pytest.mark.parametrize(
    ("host", "kind"),
    [("run-model", b"StartTraining"), pytest.param("train", b"CheckTraining", marks=pytest.mark.long)],
)
async def test_lost_confirmation_of_a_training_message(
    http: httpx.AsyncClient, ledger: Ledger, truth: Truth, to_broker: dict[str, Proxy], host: str, kind: bytes
) -> None:
    """The bus takes the message, its sender sees an error and puts the command off: both must not meet in one id."""
    proxy = to_broker[host]
    proxy.lose_answers_to = kind
    alpha = {"run-model": 5.1, "train": 5.2}[host]
    attempt = ledger.attempt("untrained", {"alpha": alpha, "l1_ratio": 0.5}, wine_rows(random.Random(5)))
    attempt.heard(await http.post("/predict", json=attempt.body))
    async with asyncio.timeout(PATIENCE_S):
        await proxy.lost.wait()
    proxy.lose_answers_to = None
    await ledger.settle(http, truth)
    assert attempt.accepted
    assert ledger.broken() == []
