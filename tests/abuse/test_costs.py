"""Requests that cost money or much work behind the API."""

import asyncio
import random
from collections import Counter
from pathlib import Path

import httpx
import pytest

from ondemand.stack import Stack
from tests.abuse.bounds import bounded
from tests.abuse.conftest import TRAININGS_AT_ONCE
from tests.harness.acting import GIANT
from tests.harness.clients import wine_rows
from tests.harness.models import log_acting
from tests.harness.truth import Truth

pytestmark = pytest.mark.asyncio(loop_scope="session")
REQUESTS = 60


async def test_many_trainings_are_refused(stack: Stack, http: httpx.AsyncClient, truth: Truth) -> None:
    """60 requests made 60 Databricks runs."""
    before = len(await truth.databricks_runs())
    rows = wine_rows(random.Random(1))
    async with bounded(stack):
        answers = await asyncio.gather(
            *(
                http.post(
                    "/predict",
                    json={
                        "modelType": "wine",
                        "modelParameters": {"alpha": 100 + n},
                        "predictionParameters": rows,
                    },
                    headers={"Prefer": "wait=60"},
                )
                for n in range(REQUESTS)
            )
        )
    started = len(await truth.databricks_runs()) - before
    statuses = Counter(answer.status_code for answer in answers)
    print(statuses, started)
    refused = [answer for answer in answers if answer.status_code == 429]
    assert all(int(answer.headers["Retry-After"]) > 0 for answer in refused)
    assert set(statuses) <= {200, 202, 429}
    assert started <= REQUESTS - len(refused)
    assert len(refused) >= REQUESTS // 2
    assert started >= TRAININGS_AT_ONCE


@pytest.mark.parametrize("megabytes", [20, 300])
async def test_a_giant_result(stack: Stack, http: httpx.AsyncClient, tmp_path: Path, megabytes: int) -> None:
    """The model's own memory is its own; what JSON makes of it is bounded, and `predict` passes it on."""
    name = f"giant-{tmp_path.name}"
    await log_acting(stack.addresses, name, str(tmp_path / "journal"))
    body = {
        "modelType": "acting",
        "modelParameters": {"name": name},
        "predictionParameters": {"act": GIANT, "tag": megabytes},
    }
    async with bounded(stack, runner_mib=600 if megabytes > 100 else 300):
        answer = await http.post("/predict", json=body, headers={"Prefer": "wait=60"})
    print(answer.status_code, len(answer.content), answer.text[:200])
    assert (answer.status_code == 200) == (megabytes == 20)
