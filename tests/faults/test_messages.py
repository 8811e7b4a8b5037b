"""Messages that nobody can read, and messages that somebody made up."""

import asyncio
import random
import uuid
from datetime import timedelta
from typing import Any

import httpx
import orjson
import pytest
from azure.servicebus import ServiceBusMessage, ServiceBusSubQueue
from azure.servicebus.amqp import AmqpAnnotatedMessage, AmqpMessageProperties

from functions.contracts import CheckTraining, Event, Operation, StartTraining, Training, utc_now
from ondemand.stack import Stack
from tests.harness.bus import begun, command, outcome, send, take, tracebacks, until_dead, until_empty
from tests.harness.clients import HonestClients, wine_body, wine_rows
from tests.harness.ledger import Ledger
from tests.harness.stack import WARM
from tests.harness.truth import Truth

pytestmark = pytest.mark.asyncio(loop_scope="session")
DELIVERIES = 10
"""MaxDeliveryCount of the queues."""
NEWER = 99
"""A schema version that nobody knows."""


@pytest.mark.parametrize("queue", ["run-model", "train"])
async def test_poison_ends_in_an_error_beside_its_neighbours(
    stack: Stack, http: httpx.AsyncClient, ledger: Ledger, truth: Truth, queue: str
) -> None:
    operation = await begun(stack)
    poison = ServiceBusMessage(b"\xffnot ours", correlation_id=operation, reply_to_session_id="nobody")
    async with HonestClients(stack.url, ledger, WARM, seed=20, training_pause_s=0) as clients:
        await send(stack, queue, poison)
        await clients.until_answered()
        assert (await outcome(http, operation))["error"]["type"].endswith("dead-lettered")
    await until_empty(stack, queue)
    await ledger.settle(http, truth)
    assert ledger.broken() == []


@pytest.mark.parametrize("adopted", [False, True], ids=["living-inbox", "adopted"])
@pytest.mark.parametrize(
    "body",
    [
        b"\xffnot ours",
        pytest.param(b'{"kind":"Event"', marks=pytest.mark.long),
        b'{"schemaVersion":99,"kind":"Event","deadline":"2020-01-01T00:00:00Z"}',
    ],
    ids=["no-text", "cut-short", "newer-past-its-deadline"],
)
async def test_an_event_that_cannot_be_read_ends_its_operation(
    stack: Stack, http: httpx.AsyncClient, body: bytes, adopted: bool
) -> None:
    await stack.stop_part("run-model")  # nobody else answers
    try:
        asking = asyncio.create_task(http.post("/predict", json=wine_body(), headers={"Prefer": "wait=2"}))
        asked = await take(stack, "run-model")
        session = uuid.uuid4().hex if adopted else asked.reply_to_session_id
        await send(stack, "results", ServiceBusMessage(body, correlation_id=asked.correlation_id, session_id=session))
        answer = await asking
        ended = answer.json() if answer.status_code != 202 else await outcome(http, str(asked.correlation_id))
    finally:
        await stack.start_part("run-model")
    assert ended["status"] == "error"
    assert ended["runId"] == asked.correlation_id


@pytest.mark.parametrize("kind", [StartTraining, CheckTraining])
async def test_a_made_up_key_trains_nothing(
    stack: Stack, http: httpx.AsyncClient, truth: Truth, kind: type[StartTraining | CheckTraining]
) -> None:
    forged = command(await begun(stack), alpha=6.5).model_copy(update={"key": "0" * 64})
    before = len(await truth.databricks_runs())
    await send(stack, "train", ServiceBusMessage(kind(command=forged).to_json()))
    assert (await outcome(http, forged.operation))["status"] == "error"
    assert len(await truth.databricks_runs()) == before


async def test_a_made_up_check_reads_nobody_elses_run(
    stack: Stack, http: httpx.AsyncClient, ledger: Ledger, truth: Truth
) -> None:
    """The run belongs to another key: its URL and its trace are none of the sender's business."""
    honest = ledger.attempt("untrained", {"alpha": 6.6, "l1_ratio": 0.5}, wine_rows(random.Random(1)))
    honest.heard(await http.post("/predict", json=honest.body, headers={"Prefer": "wait=60"}))
    run = (await truth.databricks_runs())[0]
    forged = command(await begun(stack), alpha=6.7)
    forged = forged.model_copy(update={"training": Training(databricks_run_id=run.run_id, state="RUNNING")})
    await send(stack, "train", ServiceBusMessage(CheckTraining(command=forged).to_json()))
    ended = await outcome(http, forged.operation)
    assert ended["status"] == "error"
    assert str(run.run_page_url) not in orjson.dumps(ended).decode()


async def test_parameters_that_the_catalog_refuses_train_nothing(
    stack: Stack, http: httpx.AsyncClient, truth: Truth
) -> None:
    honest = command(await begun(stack), alpha=6.5)
    forged = honest.model_copy(update={"parameters": {"alpha": -1.0, "l1_ratio": 0.5}})
    before = len(await truth.databricks_runs())
    await send(stack, "train", ServiceBusMessage(StartTraining(command=forged).to_json()))
    assert (await outcome(http, forged.operation))["status"] == "error"
    assert len(await truth.databricks_runs()) == before


async def test_a_forged_event_does_not_loop(stack: Stack, http: httpx.AsyncClient) -> None:
    """The session is adopted, and a neighbour in it is delivered."""
    neighbour = command(await begun(stack))
    session = uuid.uuid4().hex
    honest = Event(phase="outcome", operation=neighbour.operation_document("completed"), reply_to_session=session)
    forged = orjson.loads(
        Event(
            phase="outcome",
            operation=Operation(operation_id=uuid.uuid4().hex, status="error"),
            reply_to_session=session,
        ).to_json()
    )
    forged["operation"]["runId"] = "../x"
    before = tracebacks(stack, "predict")
    for body in (orjson.dumps(forged), honest.to_json()):
        await send(stack, "results", ServiceBusMessage(body, session_id=session))
    assert (await outcome(http, neighbour.operation))["status"] == "completed"
    await until_empty(stack, "results")
    assert tracebacks(stack, "predict") - before <= 3 * DELIVERIES


@pytest.mark.parametrize(
    "body", [{"value_body": {"a": 1}}, {"sequence_body": [[1, 2]]}, {"value_body": None}], ids=["map", "list", "null"]
)
@pytest.mark.parametrize(
    "queue", ["run-model", *(pytest.param(queue, marks=pytest.mark.long) for queue in ("train", "results"))]
)
async def test_a_body_that_is_not_bytes_is_left_as_a_dead_letter(
    stack: Stack, http: httpx.AsyncClient, queue: str, body: dict[str, Any]
) -> None:
    """The Functions host gives it to no function, not even to the one of dead letters, and neighbours go on."""
    session = uuid.uuid4().hex if queue == "results" else None
    before = sum(tracebacks(stack, part) for part in ("predict", "run-model", "train"))
    await send(stack, queue, AmqpAnnotatedMessage(properties=AmqpMessageProperties(group_id=session), **body))
    await until_dead(stack, queue)
    try:
        answer = await http.post("/predict", json=wine_body(alpha=WARM[0]), headers={"Prefer": "wait=60"})
        assert answer.status_code == 200
        assert sum(tracebacks(stack, part) for part in ("predict", "run-model", "train")) - before <= 3 * DELIVERIES
    finally:
        await stack.stop_part("predict")  # which has it locked
        await take(stack, queue, ServiceBusSubQueue.DEAD_LETTER)
        await stack.start_part("predict")


@pytest.mark.parametrize("queue", ["run-model", "train"])
async def test_a_newer_version_is_put_off_and_ends_with_its_deadline(
    stack: Stack, http: httpx.AsyncClient, queue: str
) -> None:
    deadline = utc_now() + timedelta(seconds=5)
    newer = command(await begun(stack), alpha=WARM[0]).model_copy(update={"deadline": deadline})
    message = newer if queue == "run-model" else StartTraining(command=newer)
    body = orjson.loads(message.to_json()) | {"schemaVersion": NEWER}
    sent = ServiceBusMessage(
        orjson.dumps(body),
        message_id=message.message_id,
        correlation_id=newer.operation,
        reply_to_session_id=newer.reply_to_session,
    )
    await send(stack, queue, sent)
    assert (await outcome(http, newer.operation))["error"]["type"].endswith("dead-lettered")
    log = await asyncio.to_thread(stack.log_of(queue).read_text)
    assert f"message {message.message_id} is put off by" in log


async def test_unknown_fields_of_a_newer_version_are_ignored(
    stack: Stack, http: httpx.AsyncClient, truth: Truth
) -> None:
    row = wine_body()["predictionParameters"][0]
    newer = command(await begun(stack), alpha=WARM[0]).model_copy(update={"prediction_input": [row]})
    body = orjson.loads(newer.to_json()) | {"priority": "high"}
    await send(stack, "run-model", ServiceBusMessage(orjson.dumps(body), message_id=newer.message_id))
    ended = await outcome(http, newer.operation)
    assert await truth.flaw(newer.parameters, [row], ended) is None
