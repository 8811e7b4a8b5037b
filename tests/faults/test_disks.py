"""Folders that cannot be written, and files that are not what they were."""

import random
from pathlib import Path
from typing import Any

import httpx
import pytest

from ondemand.stack import Stack
from tests.harness.clients import HonestClients, wine_rows
from tests.harness.faults import for_seconds, full_disk
from tests.harness.ledger import Ledger
from tests.harness.stack import WARM
from tests.harness.truth import Truth

pytestmark = pytest.mark.asyncio(loop_scope="session")
FULL_S = 3.0
OTHERS = ("predict", "run-model", "databricks", "mlflow")
EXPLAINED = ("training-failed", "model-not-logged")
"""A run whose notebook finds the disk full has failed, and its clients are told so."""


@pytest.mark.parametrize("part", ["broker", *(pytest.param(part, marks=pytest.mark.long) for part in OTHERS)])
async def test_a_full_disk_under_load(
    stack: Stack, http: httpx.AsyncClient, ledger: Ledger, truth: Truth, part: str
) -> None:
    async with HonestClients(stack.url, ledger, WARM, seed=30, training_pause_s=2) as clients:
        await clients.until_answered()
        with full_disk(stack, part):
            await for_seconds(FULL_S)
        await clients.until_answered()
    await ledger.settle(http, truth)
    print(ledger.table())
    assert ledger.broken(allowed=EXPLAINED) == []


def wine(alpha: float) -> dict[str, Any]:
    return {
        "modelType": "wine",
        "modelParameters": {"alpha": alpha},
        "predictionParameters": wine_rows(random.Random(7)),
    }


def cached(stack: Stack, model_id: str) -> Path:
    folder = Path(stack.parts["run-model"].spec.environ["MODEL_CACHE_DIR"]) / model_id
    assert folder.is_dir()
    return folder
