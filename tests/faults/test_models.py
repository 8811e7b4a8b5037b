"""Models that hang, are damaged, are evicted or are loaded for the first time at once."""

import asyncio
import random
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio

from ondemand.stack import Stack
from tests.faults.test_disks import cached, wine
from tests.harness.acting import ANSWER, HANG, SLOW
from tests.harness.bus import until_empty
from tests.harness.clients import wine_rows
from tests.harness.faults import altered, before_the_broker, restart
from tests.harness.ledger import Ledger
from tests.harness.models import log_acting, log_wine
from tests.harness.stack import WARM
from tests.harness.truth import Truth

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.long]
LIMIT_S = 5
"""Of one prediction, in the runner of these tests."""


@pytest.mark.parametrize("damage", ["cut short", "emptied", "file missing"])
async def test_a_damaged_copy_on_disk_is_fetched_again(stack: Stack, http: httpx.AsyncClient, damage: str) -> None:
    alpha = {"cut short": 41.0, "emptied": 42.0, "file missing": 43.0}[damage]
    model_id = await log_wine(stack.addresses, alpha)
    before = (await http.post("/predict", json=wine(alpha), headers={"Prefer": "wait=60"})).json()
    assert before["status"] == "completed", before
    (pickled,) = cached(stack, model_id).rglob("*.pkl")
    if damage == "file missing":
        pickled.unlink()
    else:
        pickled.write_bytes(b"" if damage == "emptied" else pickled.read_bytes()[:100])
    await restart(stack, "run-model")
    after = (await http.post("/predict", json=wine(alpha), headers={"Prefer": "wait=60"})).json()
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
        accepted = await http.post("/predict", json=wine(alpha), headers={"Prefer": "wait=5"})
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


async def test_first_loads_at_once_after_a_start(
    stack: Stack, http: httpx.AsyncClient, ledger: Ledger, truth: Truth
) -> None:
    """Two loads that import scikit-learn for the first time find it half initialised."""
    for _ in range(3):
        await restart(stack, "run-model")
        attempts = [
            ledger.attempt("cold", {"alpha": alpha, "l1_ratio": 0.5}, wine_rows(random.Random(1))) for alpha in WARM
        ]
        answers = await asyncio.gather(
            *(http.post("/predict", json=each.body, headers={"Prefer": "wait=60"}) for each in attempts)
        )
        for attempt, answer in zip(attempts, answers, strict=True):
            attempt.heard(answer)
    await ledger.settle(http, truth)
    assert ledger.broken() == []


@pytest_asyncio.fixture(loop_scope="session")
async def acting(stack: Stack, tmp_path: Path) -> AsyncIterator[Path]:
    """Models `m0` to `m7` that do what their row says; the journal of their predictions. The runner starts anew."""
    journal = tmp_path / "journal"
    for number in range(8):
        await log_acting(stack.addresses, f"m{number}-{journal.parent.name}", str(journal), float(number))
    async with altered(stack, "run-model", PREDICT_TIMEOUT_S=str(LIMIT_S)):
        yield journal


def acting_body(journal: Path, model: int, act: float, tag: float = 0.0) -> dict[str, Any]:
    return {
        "modelType": "acting",
        "modelParameters": {"name": f"m{model}-{journal.parent.name}"},
        "predictionParameters": {"act": act, "tag": tag},
    }


def predictions(journal: Path) -> int:
    return len(journal.read_text().splitlines()) if journal.exists() else 0


async def test_hung_models_stop_no_other(stack: Stack, http: httpx.AsyncClient, acting: Path) -> None:
    hanging = [
        asyncio.create_task(http.post("/predict", json=acting_body(acting, number, HANG), headers={"Prefer": "wait=1"}))
        for number in range(7)
    ]
    assert {(await each).status_code for each in hanging} <= {202, 500, 503, 504}
    answer = await http.post("/predict", json=acting_body(acting, 7, ANSWER, 0.5), headers={"Prefer": "wait=30"})
    assert (answer.status_code, answer.json()["result"]) == (200, [7.5])
    assert (await http.post("/predict", json=wine(WARM[0]), headers={"Prefer": "wait=30"})).status_code == 200


async def test_many_commands_for_one_hung_model_leave_places(
    stack: Stack, http: httpx.AsyncClient, acting: Path
) -> None:
    hanging = [
        asyncio.create_task(
            http.post("/predict", json=acting_body(acting, 0, HANG, number), headers={"Prefer": "wait=0"})
        )
        for number in range(64)
    ]
    accepted = [(await each).json()["runId"] for each in hanging]
    answer = await http.post("/predict", json=wine(WARM[0]), headers={"Prefer": "wait=30"})
    assert answer.status_code == 200
    ended = [(await http.get(f"/predict/{operation}", headers={"Prefer": "wait=60"})).json() for operation in accepted]
    assert {each["status"] for each in ended} == {"error"}


async def test_liveness_ends_a_process_with_hung_threads(stack: Stack, http: httpx.AsyncClient, acting: Path) -> None:
    for number in range(8):
        body = acting_body(acting, number, HANG)
        await http.post("/predict", json=body, headers={"Prefer": "wait=0"})
    url = stack.url_of("run-model")
    async with asyncio.timeout(90):
        while (await http.get(f"{url}/health/live")).status_code == 200:  # noqa: ASYNC110  # as a kubelet asks
            await asyncio.sleep(0.5)


async def test_what_nobody_waits_for_is_not_computed_again(stack: Stack, http: httpx.AsyncClient, acting: Path) -> None:
    """The connection is cut while five slow predictions run: each is computed at most twice, and answered."""
    async with before_the_broker(stack) as proxies:
        bodies = [acting_body(acting, 0, SLOW, number) for number in range(5)]
        answers = await asyncio.gather(
            *(http.post("/predict", json=body, headers={"Prefer": "wait=0"}) for body in bodies)
        )
        async with asyncio.timeout(30):
            while not predictions(acting):  # noqa: ASYNC110  # a file tells nobody of a change
                await asyncio.sleep(0.1)
        proxies["run-model"].cut()
        ended = [
            (await http.get(answer.headers["Location"], headers={"Prefer": "wait=60"})).json() for answer in answers
        ]
    assert {each["status"] for each in ended} <= {"completed", "error"}
    await until_empty(stack, "run-model")
    assert predictions(acting) <= 2 * len(bodies)
