"""Trainings of a type that nobody has trained before, and keys that have expired."""

import asyncio
import random
import uuid
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import orjson
import pytest

from functions.contracts import utc_now
from ondemand.stack import Stack
from tests.harness.clients import wine_rows
from tests.harness.faults import altered
from tests.harness.ledger import Ledger
from tests.harness.proxy import Proxy, port_of
from tests.harness.stack import WARM
from tests.harness.truth import Truth

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest.mark.parametrize("model_type", ["fresh-1", "fresh-2"])
async def test_two_first_trainings_of_a_type_at_once(
    stack: Stack, http: httpx.AsyncClient, ledger: Ledger, truth: Truth, model_type: str
) -> None:
    """Both notebooks ask for the experiment before either has made it."""
    address = stack.addresses.mlflow
    async with (
        Proxy(port_of(address)) as proxy,
        altered(stack, "databricks", MLFLOW_TRACKING_URI=proxy.address(address)),
    ):
        proxy.meet(b"experiments/get-by-name", 2)
        attempts = [
            ledger.attempt("fresh", {"alpha": alpha}, wine_rows(random.Random(1)), model_type=model_type)
            for alpha in (0.1, 0.2)
        ]
        answers = await asyncio.gather(
            *(http.post("/predict", json=each.body, headers={"Prefer": "wait=60"}) for each in attempts)
        )
        for attempt, answer in zip(attempts, answers, strict=True):
            attempt.heard(answer)
        await ledger.settle(http, truth)
    assert ledger.broken() == []
    assert all(attempt.outcomes[0]["status"] == "completed" for attempt in attempts)


async def test_an_expired_idempotency_key_begins_a_new_operation(
    stack: Stack, http: httpx.AsyncClient, ledger: Ledger, truth: Truth
) -> None:
    """The objects of the first operation are aged in the store, as the days would."""
    key = f"order-{uuid.uuid4().hex}"
    first, second = (
        ledger.attempt("keyed", {"alpha": WARM[0], "l1_ratio": 0.5}, wine_rows(random.Random(3)), key=key)
        for _ in range(2)
    )
    first.heard(await http.post("/predict", json=first.body, headers={"Idempotency-Key": key, "Prefer": "wait=30"}))
    _age(stack, first.operations[0])
    assert (await http.get(f"/predict/{first.operations[0]}")).status_code == 404
    second.heard(await http.post("/predict", json=second.body, headers={"Idempotency-Key": key, "Prefer": "wait=30"}))
    assert second.operations != first.operations
    ledger.attempts.remove(first)
    await ledger.settle(http, truth)
    assert ledger.broken() == []


def _age(stack: Stack, operation: str) -> None:
    folder = Path(urlsplit(stack.addresses.operations).path) / operation
    long_ago = (utc_now() - timedelta(seconds=1)).isoformat()
    files = list(folder.glob("*.json"))
    assert files
    for file in files:
        content = orjson.loads(file.read_bytes())
        if "expiresAt" in content:
            file.write_bytes(orjson.dumps(content | {"expiresAt": long_ago}))
