"""Disks that are full, folders that cannot be written, and files that are not what they were."""

import asyncio
import random
import shutil
from pathlib import Path

import httpx
import pytest

from ondemand.stack import Stack
from tests.harness.clients import HonestClients, wine_body, wine_rows
from tests.harness.faults import altered, for_seconds, full_disk, restart
from tests.harness.ledger import Ledger
from tests.harness.models import log_wine
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


@pytest.mark.parametrize(
    "damage",
    ["cut short", *(pytest.param(damage, marks=pytest.mark.long) for damage in ("emptied", "file missing"))],
)
async def test_a_damaged_copy_on_disk_is_fetched_again(stack: Stack, http: httpx.AsyncClient, damage: str) -> None:
    alpha = {"cut short": 41.0, "emptied": 42.0, "file missing": 43.0}[damage]
    model_id = await log_wine(stack.addresses, alpha)
    before = (await http.post("/predict", json=wine_body(alpha), headers={"Prefer": "wait=60"})).json()
    assert before["status"] == "completed", before
    (pickled,) = _cached(stack, model_id).rglob("*.pkl")
    if damage == "file missing":
        pickled.unlink()
    else:
        pickled.write_bytes(b"" if damage == "emptied" else pickled.read_bytes()[:100])
    await restart(stack, "run-model")
    after = (await http.post("/predict", json=wine_body(alpha), headers={"Prefer": "wait=60"})).json()
    assert (after["status"], after["result"]) == ("completed", before["result"])


async def test_a_model_folder_that_cannot_be_written_puts_commands_off(
    stack: Stack, http: httpx.AsyncClient, tmp_path: Path
) -> None:
    """The folder becomes a file. Once it is mended, the same operation is answered."""
    alpha = 44.0
    await log_wine(stack.addresses, alpha)
    folder = tmp_path / "models"
    async with altered(stack, "run-model", MODEL_CACHE_DIR=str(folder)):
        await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)
        await asyncio.to_thread(folder.write_text, "in the way")
        accepted = await http.post("/predict", json=wine_body(alpha), headers={"Prefer": "wait=5"})
        assert accepted.status_code == 202, accepted.text
        await asyncio.to_thread(folder.unlink)
        ended = await http.get(accepted.headers["Location"], headers={"Prefer": "wait=60"})
    assert ended.json()["status"] == "completed", ended.text


async def test_eviction_leaves_models_that_are_about_to_be_loaded(
    stack: Stack, http: httpx.AsyncClient, ledger: Ledger, truth: Truth, tmp_path: Path
) -> None:
    """The folder holds one model, and six are loaded at once."""
    alphas = [45.0 + number for number in range(6)]
    for alpha in alphas:
        await log_wine(stack.addresses, alpha)
    async with altered(
        stack, "run-model", MODEL_CACHE_DIR=str(tmp_path / "m"), MODEL_DISK_BYTES="20000", MODEL_CACHE_ENTRIES="1"
    ):
        for _ in range(3):
            attempts = [
                ledger.attempt("evicted", {"alpha": alpha, "l1_ratio": 0.5}, wine_rows(random.Random(alpha)))
                for alpha in alphas
            ]
            answers = await asyncio.gather(
                *(http.post("/predict", json=each.body, headers={"Prefer": "wait=30"}) for each in attempts)
            )
            for attempt, answer in zip(attempts, answers, strict=True):
                attempt.heard(answer)
        await ledger.settle(http, truth)
    assert ledger.broken() == []


def _cached(stack: Stack, model_id: str) -> Path:
    folder = Path(stack.parts["run-model"].spec.environ["MODEL_CACHE_DIR"]) / model_id
    assert folder.is_dir()
    return folder
