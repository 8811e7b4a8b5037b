"""One caller with very many requests: the places of the others stay free."""

import asyncio
import random
import uuid
from collections import Counter
from collections.abc import Awaitable, Iterable

import httpx
import pytest

from ondemand.stack import Stack
from tests.abuse.bounds import HONEST, bounded
from tests.harness.bus import until_empty
from tests.harness.clients import wine_rows
from tests.harness.probes import threads

pytestmark = pytest.mark.asyncio(loop_scope="session")
STATUSES = {200, 202, 429}
KEPT_THREADS = 60
"""Measured before the bounds: 110."""


@pytest.mark.long
async def test_waiting_requests_of_one_caller(stack: Stack, http: httpx.AsyncClient) -> None:
    """They wait for a training that does not begin, because `train` is away."""
    body = {
        "modelType": "wine",
        "modelParameters": {"alpha": 71.0},
        "predictionParameters": wine_rows(random.Random(1)),
    }
    before = threads(stack.parts["predict"].pid)
    await stack.stop_part("train")
    try:
        async with bounded(stack):
            answers = await _all(http.post("/predict", json=body, headers={"Prefer": "wait=20"}) for _ in range(1_200))
    finally:
        await stack.start_part("train")
    assert set(answers) <= STATUSES
    await until_empty(stack, "train", "run-model")
    assert threads(stack.parts["predict"].pid) - before <= KEPT_THREADS


@pytest.mark.long
async def test_long_polls_of_one_caller(stack: Stack, http: httpx.AsyncClient) -> None:
    await stack.stop_part("train")
    try:
        accepted = await http.post("/predict", json=HONEST | {"modelParameters": {"alpha": 72.0}})
        path = accepted.headers["Location"]
        before = threads(stack.parts["predict"].pid)
        async with bounded(stack):
            answers = await _all(http.get(path, headers={"Prefer": "wait=20"}) for _ in range(1_200))
        assert threads(stack.parts["predict"].pid) - before <= KEPT_THREADS
    finally:
        await stack.start_part("train")
    assert set(answers) <= STATUSES


@pytest.mark.long
async def test_polls_of_unknown_operations(stack: Stack, http: httpx.AsyncClient) -> None:
    async with bounded(stack):
        answers = await _all(
            http.get(f"/predict/{uuid.uuid4().hex}", headers={"Prefer": "wait=60"}) for _ in range(2_000)
        )
    assert set(answers) <= {404, 429}


async def test_clients_that_go_away_leave_no_trace(stack: Stack, http: httpx.AsyncClient) -> None:
    """Neither in the log nor among the places."""
    log = stack.log_of("predict")
    before = (await asyncio.to_thread(log.read_text)).count("Traceback")
    await stack.stop_part("train")
    try:
        async with bounded(stack):
            asking = [
                asyncio.create_task(
                    http.post(
                        "/predict", json=HONEST | {"modelParameters": {"alpha": 73.0}}, headers={"Prefer": "wait=60"}
                    )
                )
                for _ in range(200)
            ]
            await asyncio.wait(asking, timeout=2)  # they are waiting now
            for each in asking:
                each.cancel()
            await asyncio.wait(asking)
    finally:
        await stack.start_part("train")
    assert (await asyncio.to_thread(log.read_text)).count("Traceback") == before


async def _all(requests: Iterable[Awaitable[httpx.Response]]) -> Counter[int]:
    """How often each status was answered; 0 is no answer."""
    answers = await asyncio.gather(*requests, return_exceptions=True)
    found = Counter(answer.status_code if isinstance(answer, httpx.Response) else 0 for answer in answers)
    print(dict(found))
    return found
