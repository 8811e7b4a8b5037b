"""A stack of its own, whose catalog has an entry for each served flavour; `client` of the folder above asks it."""

import os
from collections.abc import AsyncIterator
from importlib.util import find_spec
from pathlib import Path

import pytest
import pytest_asyncio

from ondemand.stack import Stack

HERE = Path(__file__).parent
ENVIRON = dict(os.environ)
"""As it was given: mlflow.set_tracking_uri, which the tests call, writes into os.environ."""


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def stack(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stack]:
    if find_spec("xgboost") is None and find_spec("torch") is None:
        pytest.fail("`make e2e` runs this folder by .venv/flavors/bin/python, which has the flavours' libraries")
    running = Stack(
        tmp_path_factory.mktemp("stack"),
        free_ports=True,
        environ={**ENVIRON, "CATALOG_FILE": str(HERE / "models.yaml")},
        workspaces=(f"/Shared/flavors={HERE / 'notebooks'}",),
    )
    async with running:
        yield running
