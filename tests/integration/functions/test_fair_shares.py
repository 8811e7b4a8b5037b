"""One caller asks for everything at the same time; probes and other callers are answered."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest_asyncio

from ondemand.stack import Stack

BODY = {"modelType": "wine", "predictionParameters": {"alcohol": 12.8}}
MAX_WAITING, SHARE = 40, 20


@pytest_asyncio.fixture
async def predict(tmp_path: Path) -> AsyncIterator[str]:
    """A host whose requests wait, because nobody predicts. It has the smallest limits that docs/host.md allows."""
    limit = "AzureFunctionsJobHost__extensions__http__maxConcurrentRequests"
    environ = {"MAX_WAITING": str(MAX_WAITING), limit: str(3 * MAX_WAITING + 10)}
    async with Stack(tmp_path, free_ports=True, only=("broker", "predict"), environ=environ) as running:
        yield running.url


def caller(url: str, key: str) -> httpx.AsyncClient:
    return httpx.AsyncClient(base_url=url, headers={"x-functions-key": key}, timeout=60)


async def test_caller_that_takes_all_it_gets_shuts_nobody_out(predict: str) -> None:
    async with caller(predict, "greedy") as greedy, caller(predict, "other") as other:
        first = await greedy.post("/predict", json=BODY, headers={"prefer": "wait=0"})
        operation = f"/predict/{first.json()['runId']}"
        waiting = {"prefer": "wait=25"}  # until all of them have come, however slow the machine is
        requests = [asyncio.create_task(greedy.post("/predict", json=BODY, headers=waiting)) for _ in range(60)]
        requests += [asyncio.create_task(greedy.get(operation, headers=waiting)) for _ in range(60)]
        refused_or_answered = 2 * (60 - SHARE)
        async with asyncio.timeout(60):
            for count, answer in enumerate(asyncio.as_completed(requests), 1):
                await answer
                if count == refused_or_answered:
                    break
        for probe in ("/health/live", "/health/ready"):
            assert (await other.get(probe)).status_code == 200
        assert (await other.get(operation)).status_code == 202
        accepted = await other.post("/predict", json=BODY, headers={"prefer": "wait=0"})
        assert accepted.status_code == 202
        assert not all(request.done() for request in requests), "the greedy caller still waits"
        answers = [await request for request in requests]
    assert Counter(each.status_code for each in answers[:60]) == {202: SHARE, 429: 60 - SHARE}
    assert Counter(each.status_code for each in answers[60:]) == {202: 60}
    assert {each.headers["Retry-After"] for each in answers} == {"1"}
