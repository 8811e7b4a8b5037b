"""Checks of trainings that somebody made up."""

import random
import uuid

import httpx
import orjson
import pytest
from azure.servicebus import ServiceBusMessage

from functions.contracts import CheckTraining, Training
from ondemand.stack import Stack
from tests.harness.bus import command, outcome, send
from tests.harness.clients import wine_rows
from tests.harness.ledger import Ledger
from tests.harness.truth import Truth

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_a_made_up_check_reads_nobody_elses_run(
    stack: Stack, http: httpx.AsyncClient, ledger: Ledger, truth: Truth
) -> None:
    """The run belongs to another key: its URL and its trace are none of the sender's business."""
    honest = ledger.attempt("untrained", {"alpha": 6.6, "l1_ratio": 0.5}, wine_rows(random.Random(1)))
    honest.heard(await http.post("/predict", json=honest.body, headers={"Prefer": "wait=60"}))
    run = (await truth.databricks_runs())[0]
    forged = command(uuid.uuid4().hex, alpha=6.7)
    forged = forged.model_copy(update={"training": Training(databricks_run_id=run.run_id, state="RUNNING")})
    await send(stack, "train", ServiceBusMessage(CheckTraining(command=forged).to_json()))
    ended = await outcome(http, forged.operation)
    assert ended["status"] == "error"
    assert str(run.run_page_url) not in orjson.dumps(ended).decode()
