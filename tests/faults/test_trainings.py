"""Trainings of a type that nobody has trained before, and keys that have expired."""

import asyncio
import random
import uuid
from pathlib import Path

import httpx
import pytest
import yaml

from ondemand.stack import Stack
from tests.harness.clients import wine_rows
from tests.harness.faults import altered
from tests.harness.ledger import Ledger
from tests.harness.proxy import Proxy, port_of
from tests.harness.stack import CATALOG, WARM
from tests.harness.truth import Truth

pytestmark = pytest.mark.asyncio(loop_scope="session")
SHORTEST_TRAINING_S = 60
"""The least that the catalog allows."""


@pytest.mark.parametrize("model_type", ["fresh-1", pytest.param("fresh-2", marks=pytest.mark.long)])
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


@pytest.mark.long
async def test_an_expired_idempotency_key_begins_a_new_operation(
    stack: Stack, http: httpx.AsyncClient, ledger: Ledger, truth: Truth, tmp_path: Path
) -> None:
    """An operation with a key lives for as long as its longest training may take, and two seconds."""
    catalog = yaml.safe_load(CATALOG.read_text())
    for entry in catalog["models"].values():
        entry["training_timeout_s"] = SHORTEST_TRAINING_S
    short = tmp_path / "models.yaml"
    short.write_text(yaml.safe_dump(catalog))
    key = f"order-{uuid.uuid4().hex}"
    headers = {"Idempotency-Key": key, "Prefer": "wait=30"}
    first, second = (
        ledger.attempt("keyed", {"alpha": WARM[0], "l1_ratio": 0.5}, wine_rows(random.Random(3)), key=key)
        for _ in range(2)
    )
    async with altered(stack, "predict", CATALOG_FILE=str(short), QUEUE_TIMEOUT_S="1", RETENTION_S="1"):
        first.heard(await http.post("/predict", json=first.body, headers=headers))
        async with asyncio.timeout(2 * SHORTEST_TRAINING_S):
            while (await http.get(f"/predict/{first.operations[0]}")).status_code != 404:  # noqa: ASYNC110  # it expires
                await asyncio.sleep(1)
        second.heard(await http.post("/predict", json=second.body, headers=headers))
        assert second.operations != first.operations
        ledger.attempts.remove(first)
        await ledger.settle(http, truth)
    assert ledger.broken() == []
