"""The whole stack on free ports, once for all tests here, and what they ask it with."""

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from ondemand.functions_app import SAMPLE_WORKSPACE
from ondemand.stack import Stack
from tests.e2e.client import Client

HERE = Path(__file__).parent
ENVIRON = dict(os.environ)
"""As it was given: mlflow.set_tracking_uri, which the tests call, writes into os.environ."""


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def stack(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stack]:
    environ = {
        **ENVIRON,
        "CATALOG_FILE": str(HERE / "models.yaml"),
        "MAX_BODY_BYTES": "2000000",
        "PREDICT_TIMEOUT_S": "10",
    }
    running = Stack(
        tmp_path_factory.mktemp("stack"),
        free_ports=True,
        environ=environ,
        workspaces=(SAMPLE_WORKSPACE, f"/Shared/tests={HERE / 'notebooks'}"),
    )
    async with running:
        yield running


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def client(stack: Stack) -> AsyncIterator[Client]:
    async with Client(stack.url, stack.addresses) as client:
        yield client
