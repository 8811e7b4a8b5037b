"""One stack for all abuse tests, with a small bound on trainings."""

from collections.abc import AsyncIterator

import httpx
import pytest
import pytest_asyncio

from ondemand.stack import Stack
from tests.harness.ledger import Ledger
from tests.harness.stack import running_stack
from tests.harness.truth import Truth

TRAININGS_AT_ONCE = 3


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def stack(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stack]:
    folder = tmp_path_factory.mktemp("stack")
    async with running_stack(folder, MAX_TRAININGS_AT_ONCE=str(TRAININGS_AT_ONCE)) as stack:
        yield stack


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def http(stack: Stack) -> AsyncIterator[httpx.AsyncClient]:
    """Of one caller, who asks for too much."""
    limits = httpx.Limits(max_connections=2000)
    headers = {"x-functions-key": "the one who asks for too much"}
    async with httpx.AsyncClient(
        base_url=stack.url, timeout=120, limits=limits, headers=headers, trust_env=False
    ) as http:
        yield http


@pytest.fixture(scope="session")
def truth(stack: Stack) -> Truth:
    return Truth(stack.addresses)


@pytest.fixture
def ledger() -> Ledger:
    return Ledger()
