"""One stack for all fault tests, and the ledger that each of them closes."""

from collections.abc import AsyncIterator

import httpx
import pytest
import pytest_asyncio

from ondemand.stack import Stack
from tests.harness.clocks import LIBFAKETIME
from tests.harness.ledger import Ledger
from tests.harness.stack import running_stack
from tests.harness.truth import Truth

collect_ignore = [] if LIBFAKETIME else ["test_clocks.py"]


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def stack(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stack]:
    async with running_stack(tmp_path_factory.mktemp("stack"), SEND_TIMEOUT_S="3") as stack:
        yield stack


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def http(stack: Stack) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=stack.url, timeout=70, trust_env=False) as http:
        yield http


@pytest.fixture(scope="session")
def truth(stack: Stack) -> Truth:
    return Truth(stack.addresses)


@pytest.fixture
def ledger() -> Ledger:
    return Ledger()
