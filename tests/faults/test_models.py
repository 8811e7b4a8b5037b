"""Models that hang or are slow, and the first loads of a process."""

import asyncio
import random
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio

from ondemand.stack import Stack
from tests.harness.acting import ANSWER, HANG, SLOW
from tests.harness.bus import PATIENCE_S, until_empty
from tests.harness.clients import wine_body, wine_rows
from tests.harness.faults import altered, before_the_broker, restart
from tests.harness.ledger import Ledger
from tests.harness.models import log_acting
from tests.harness.stack import WARM
from tests.harness.truth import Truth

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.long]
LIMIT_S = 5
"""Of one prediction, in the runner of these tests. A slow one takes less."""


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
    answer = await http.post("/predict", json=acting_body(acting, 7, ANSWER, 0.5), headers={"Prefer": "wait=60"})
    assert (answer.status_code, answer.json()["result"]) == (200, [7.5])
    assert (await http.post("/predict", json=wine_body(WARM[0]), headers={"Prefer": "wait=60"})).status_code == 200


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
    answer = await http.post("/predict", json=wine_body(WARM[0]), headers={"Prefer": "wait=60"})
    assert answer.status_code == 200
    ended = [(await http.get(f"/predict/{operation}", headers={"Prefer": "wait=60"})).json() for operation in accepted]
    assert {each["status"] for each in ended} == {"error"}


async def test_liveness_ends_a_process_with_hung_threads(stack: Stack, http: httpx.AsyncClient, acting: Path) -> None:
    for number in range(8):
        body = acting_body(acting, number, HANG)
        await http.post("/predict", json=body, headers={"Prefer": "wait=0"})
    url = stack.url_of("run-model")
    async with asyncio.timeout(PATIENCE_S):
        while (await http.get(f"{url}/health/live")).status_code == 200:  # noqa: ASYNC110  # as a kubelet asks
            await asyncio.sleep(0.5)


async def test_what_nobody_waits_for_is_not_computed_again(stack: Stack, http: httpx.AsyncClient, acting: Path) -> None:
    """The connection is cut while five slow predictions run: each is computed at most twice, and answered."""
    async with before_the_broker(stack) as proxies:
        bodies = [acting_body(acting, 0, SLOW, number) for number in range(5)]
        answers = await asyncio.gather(
            *(http.post("/predict", json=body, headers={"Prefer": "wait=0"}) for body in bodies)
        )
        async with asyncio.timeout(PATIENCE_S):
            while not predictions(acting):  # noqa: ASYNC110  # a file tells nobody of a change
                await asyncio.sleep(0.1)
        proxies["run-model"].cut()
        ended = [
            (await http.get(answer.headers["Location"], headers={"Prefer": "wait=60"})).json() for answer in answers
        ]
    assert {each["status"] for each in ended} <= {"completed", "error"}
    await until_empty(stack, "run-model")
    assert predictions(acting) <= 2 * len(bodies)
