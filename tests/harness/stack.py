"""The real stack on free ports, with the catalog of these tests and models that are there already."""

import asyncio
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from ondemand.functions_app import SAMPLE_WORKSPACE
from ondemand.stack import Stack
from tests.harness.models import log_wine

ENVIRON = dict(os.environ)
"""As it was given: mlflow.set_tracking_uri writes into os.environ."""
CATALOG = Path(__file__).with_name("models.yaml")
WARM = (1.0, 2.0, 3.0)
"""Values of alpha whose wine models are logged before the first request."""


@asynccontextmanager
async def running_stack(data: Path, warm: Sequence[float] = WARM, **environ: str) -> AsyncIterator[Stack]:
    """Raises RuntimeError at the end if a part has ended by itself."""
    settings = {"CATALOG_FILE": str(CATALOG), "MAX_TRAININGS_PER_DAY": "10000"}
    async with Stack(
        data, free_ports=True, environ={**ENVIRON, **settings, **environ}, workspaces=(SAMPLE_WORKSPACE,)
    ) as stack:
        for alpha in warm:
            await log_wine(stack.addresses, alpha)
        yield stack
        if dead := await deaths(stack):
            raise RuntimeError("\n".join(dead))


async def deaths(stack: Stack) -> list[str]:
    """Of each part that has ended by itself, and of which this was not asked before, the end of its log."""
    found: list[str] = []
    while True:
        died = asyncio.create_task(stack.died())
        await asyncio.sleep(0)
        if not died.done():
            died.cancel()
            return found
        found.append(str(died.result()))
