"""Parts that are killed and parts that stand still, under the load of honest clients."""

import httpx
import pytest

from ondemand.stack import Stack
from tests.harness.clients import HonestClients
from tests.harness.faults import PARTS, for_seconds, kill, paused
from tests.harness.ledger import Ledger
from tests.harness.stack import WARM
from tests.harness.truth import Truth

pytestmark = pytest.mark.asyncio(loop_scope="session")
LOST_WITH_DATABRICKS = ("training-failed",)
"""A run whose process was killed with the Jobs API has failed, and its clients are told so."""
PAUSE_S = 3.0


async def test_each_part_is_killed_under_load(
    stack: Stack, http: httpx.AsyncClient, ledger: Ledger, truth: Truth
) -> None:
    async with HonestClients(stack.url, ledger, WARM, seed=1) as clients:
        await clients.until_answered()
        for part in PARTS:
            await kill(stack, part)
            await clients.until_answered()
    await ledger.settle(http, truth)
    print(ledger.table())
    assert ledger.broken(allowed=LOST_WITH_DATABRICKS) == []


@pytest.mark.long
async def test_each_part_stands_still_under_load(
    stack: Stack, http: httpx.AsyncClient, ledger: Ledger, truth: Truth
) -> None:
    async with HonestClients(stack.url, ledger, WARM, seed=2) as clients:
        await clients.until_answered()
        for part in PARTS:
            with paused(stack, part):
                await for_seconds(PAUSE_S)
            await clients.until_answered()
    await ledger.settle(http, truth)
    print(ledger.table())
    assert ledger.broken() == []
