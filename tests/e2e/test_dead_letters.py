"""From a message that fails for good to its answer: told to its client, listed, sent again, answered."""

import asyncio
import json
import subprocess
import sys
import uuid
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from azure.servicebus import ServiceBusMessage
from azure.servicebus.aio import ServiceBusClient

from functions.contracts import RunModel, utc_now
from ondemand.stack import Stack
from tests.e2e.client import OUTCOME_S, PATIENCE_S, WINE_ROW, Client, wine, wine_key
from tests.e2e.conftest import ENVIRON

pytestmark = pytest.mark.asyncio(loop_scope="session")
ROOT = Path(__file__).parents[2]


async def dead_letters(stack: Stack, *arguments: str) -> str:
    done = await asyncio.to_thread(
        subprocess.run,
        (sys.executable, "-m", "ondemand.cli", "dead-letters", *arguments, "--data", str(stack.data)),
        env=ENVIRON,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return str(done.stdout)


async def until_answered(client: Client, operation: str) -> httpx.Response:
    async with asyncio.timeout(OUTCOME_S):
        while (response := await client.http.get(f"/predict/{operation}")).json()["status"] in ("pending", "running"):
            pass
    return response


async def test_dead_letter_is_told_listed_sent_again_and_answered(stack: Stack, client: Client) -> None:
    await client.predict(wine(alpha=0.36), wait=PATIENCE_S)
    now = utc_now()
    command = RunModel(
        operation=uuid.uuid4().hex,
        reply_to_session="nobody",
        model_type="wine",
        parameters={"alpha": 0.36, "l1_ratio": 0.5},
        key=wine_key(alpha=0.36),
        prediction_input=WINE_ROW,
        created_at=now,
        deadline=now + timedelta(minutes=10),
        expires_at=now + timedelta(hours=1),
    )
    await client.begin(command.operation)
    await stack.stop_part("run-model")
    try:
        async with (
            ServiceBusClient.from_connection_string(client.addresses.servicebus_connection) as bus,
            bus.get_queue_sender("run-model") as sender,
        ):
            await sender.send_messages(ServiceBusMessage(command.to_json(), time_to_live=timedelta(seconds=1)))
        told = (await until_answered(client, command.operation)).json()
    finally:
        await stack.start_part("run-model")
    assert told["error"]["status"] == 500
    assert "TTLExpiredException" in told["error"]["detail"]

    async with asyncio.timeout(OUTCOME_S):
        while not (listed := json.loads(await dead_letters(stack, "list", "--operation", command.operation, "--json"))):
            pass
    (letter,) = listed
    assert (letter["queue"], letter["reason"], letter["attempts"]) == ("run-model", "TTLExpiredException", 0)

    sent = await dead_letters(stack, "replay", str(letter["number"]))
    new = sent.split()[-1]
    answer = (await until_answered(client, new)).json()
    assert (answer["status"], answer["runId"]) == ("completed", new)
    assert answer["result"] == pytest.approx(await client.own_prediction(answer["model"]["uri"], [WINE_ROW]))
    assert json.loads(await dead_letters(stack, "list", "--operation", command.operation, "--json")) == []
