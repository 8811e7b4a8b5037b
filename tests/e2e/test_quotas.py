"""Trainings are bounded, however many requests ask for them."""

import asyncio
from collections import Counter
from typing import Any

import pytest

from functions.parameters import training_key
from tests.e2e.client import PATIENCE_S, Client

pytestmark = pytest.mark.asyncio(loop_scope="session")
REQUESTS, ALLOWED = 60, 3


def body(number: int) -> dict[str, Any]:
    return {"modelType": "bounded", "modelParameters": {"alpha": number}, "predictionParameters": {"a": 1.0}}


async def test_sixty_requests_start_as_many_trainings_as_the_catalog_allows(client: Client) -> None:
    answers = await asyncio.gather(*(client.predict(body(number), wait=PATIENCE_S) for number in range(REQUESTS)))
    keys = [training_key("bounded", {"alpha": float(number)}) for number in range(REQUESTS)]
    runs = [run for key in keys for run in await client.databricks_runs(key)]
    assert len(runs) == ALLOWED
    assert Counter(answer.status_code for answer in answers) == {502: ALLOWED, 429: REQUESTS - ALLOWED}
    for refused in (answer for answer in answers if answer.status_code == 429):
        error = refused.json()["error"]
        assert error["type"] == "urn:mlflow-ondemand:problem:too-many-trainings"
        assert "3 of 3 (models.bounded.trainings.per_hour)" in error["detail"]
        assert 3500 < int(refused.headers["Retry-After"]) == error["retryAfter"] <= 3600
