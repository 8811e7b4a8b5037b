"""Faults that the host on this machine mends."""

import httpx
import pytest

from ondemand.stack import Stack
from tests.harness.clients import HonestClients
from tests.harness.faults import before_the_broker
from tests.harness.ledger import Ledger
from tests.harness.stack import WARM
from tests.harness.truth import Truth

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.long]
CUTS = 60
"""At about one cut of forty the SDK's receiver shuts itself down: it raises ValueError, which ended the whole host."""


async def test_a_host_outlives_many_cuts_of_its_connections(
    stack: Stack, http: httpx.AsyncClient, ledger: Ledger, truth: Truth
) -> None:
    async with (
        before_the_broker(stack) as proxies,
        HonestClients(stack.url, ledger, WARM, seed=60, training_pause_s=0) as clients,
    ):
        for _ in range(CUTS):
            proxies["run-model"].cut()
            await clients.until_answered(3, patience_s=30)
    assert stack.parts["run-model"].is_running
    await ledger.settle(http, truth)
    assert ledger.broken() == []
