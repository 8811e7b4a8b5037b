"""Trouble: nothing is lost, nothing is trained by mistake, and every client learns how its request ended."""

import asyncio
import os
import signal
import uuid
from datetime import timedelta
from typing import Any

import pytest
from azure.servicebus import ServiceBusMessage
from azure.servicebus.aio import ServiceBusClient

from functions.contracts import OUTCOME, Event, RunModel, utc_now
from functions.outbox.messages import OPERATIONS
from functions.parameters import training_key
from functions.queues import RESULTS
from ondemand.stack import Stack
from tests.e2e.client import OUTCOME_S, PATIENCE_S, WINE_EXPERIMENT, WINE_ROW, Client, wine, wine_key

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_a_failing_notebook_is_reported_with_its_trace_and_trainable_again(client: Client) -> None:
    body = {"modelType": "failing", "modelParameters": {"alpha": 3}, "predictionParameters": {"x": 1}}
    runs = []
    for _ in range(2):
        response = await client.predict(body, wait=PATIENCE_S)
        assert response.status_code == 502, response.text
        answer = response.json()
        assert "no data for alpha 3.0" in answer["error"]["detail"]
        assert "RuntimeError" in answer["error"]["detail"]
        runs.append(answer["training"]["runId"])
    assert runs[0] != runs[1]


async def test_a_training_that_logs_no_model_is_reported_as_that(client: Client) -> None:
    body = {"modelType": "forgetful", "modelParameters": {"alpha": 4}, "predictionParameters": {"x": 1}}
    response = await client.predict(body, wait=PATIENCE_S)
    assert response.status_code == 502
    error = response.json()["error"]
    assert error["type"].endswith("model-not-logged")
    assert "logged no model named 'model'" in error["detail"]


async def test_predict_killed_between_202_and_the_result(stack: Stack, client: Client) -> None:
    accepted = await client.predict(wine(alpha=0.21))
    assert accepted.status_code == 202
    other = await stack.add_host("predict-2", "predict")
    await stack.kill_part("predict")
    try:
        answer = await client.outcome(accepted.json()["runId"], other)
    finally:
        await stack.start_part("predict")
        await stack.stop_part("predict-2")
    assert answer["status"] == "completed"
    assert answer["result"] == pytest.approx(await client.own_prediction(answer["model"]["uri"], [WINE_ROW]))
    assert len(await client.databricks_runs(wine_key(alpha=0.21))) == 1


async def test_mlflow_stopped_and_started_in_mid_request(stack: Stack, client: Client) -> None:
    model_id = await client.log_by_hand({"alpha": "0.22", "l1_ratio": "0.5"})
    await stack.stop_part("mlflow")
    try:
        accepted = await client.predict(wine(alpha=0.22), wait=3)
        assert accepted.status_code == 202
        assert accepted.json()["training"] is None
    finally:
        await stack.start_part("mlflow")
    answer = await client.outcome(accepted.json()["runId"])
    assert answer["model"]["uri"] == f"models:/{model_id}"
    assert await client.databricks_runs(wine_key(alpha=0.22)) == []


async def test_an_experiment_that_was_replaced_is_noticed(client: Client) -> None:
    """Runners remember the ids of experiments."""
    before = await client.log_by_hand({"alpha": "0.241", "l1_ratio": "0.5"})
    answer = (await client.predict(wine(alpha=0.241), wait=PATIENCE_S)).json()
    assert answer["model"]["uri"] == f"models:/{before}"
    old = client.mlflow.get_experiment_by_name(WINE_EXPERIMENT)
    assert old is not None
    client.mlflow.rename_experiment(old.experiment_id, f"{WINE_EXPERIMENT} (former)")
    try:
        new = await client.log_by_hand({"alpha": "0.242", "l1_ratio": "0.5"})
        answer = (await client.predict(wine(alpha=0.242), wait=PATIENCE_S)).json()
        assert answer["model"]["uri"] == f"models:/{new}"
    finally:
        replaced = client.mlflow.get_experiment_by_name(WINE_EXPERIMENT)
        if replaced is not None:
            client.mlflow.rename_experiment(replaced.experiment_id, f"{WINE_EXPERIMENT} (replaced)")
        client.mlflow.rename_experiment(old.experiment_id, WINE_EXPERIMENT)
    assert await client.databricks_runs(wine_key(alpha=0.242)) == []


async def test_a_cached_model_answers_while_mlflow_is_down(stack: Stack, client: Client) -> None:
    body = wine(alpha=0.36, l1_ratio=0.33)
    before = (await client.predict(body, wait=PATIENCE_S)).json()
    await stack.stop_part("mlflow")
    try:
        assert (await client.predict(body, wait=PATIENCE_S)).json()["result"] == before["result"]
        listed = (await client.http.get("/models/wine")).json()
        assert listed["trainedModels"] is None
        assert "MLflow" in listed["trainedModelsError"]
    finally:
        await stack.start_part("mlflow")


async def test_look_ups_that_hang_do_not_hold_up_models_in_memory(stack: Stack, client: Client) -> None:
    body = wine(alpha=0.36, l1_ratio=0.33)
    before = (await client.predict(body, wait=PATIENCE_S)).json()
    mlflow = stack.parts["mlflow"].pid
    os.kill(mlflow, signal.SIGSTOP)  # accepts connections and never answers
    try:
        hanging = await asyncio.gather(*(client.predict(wine(alpha=5 + number / 100), wait=0) for number in range(20)))
        assert {response.status_code for response in hanging} == {202}
        # While the look-ups wait for MLflow (10 s a try), this one comes back from memory.
        assert (await client.predict(body, wait=5)).json()["result"] == before["result"]
    finally:
        os.kill(mlflow, signal.SIGCONT)


async def test_databricks_stopped_and_started_in_mid_request(stack: Stack, client: Client) -> None:
    await stack.stop_part("databricks")
    try:
        accepted = await client.predict(wine(alpha=0.23))
        assert accepted.status_code == 202
    finally:
        await stack.start_part("databricks")
    answer = await client.outcome(accepted.json()["runId"])
    assert answer["status"] == "completed", answer["error"]
    assert len(await client.databricks_runs(wine_key(alpha=0.23))) == 1


async def test_a_poison_message_ends_in_an_error_that_its_client_sees(client: Client) -> None:
    operation = uuid.uuid4().hex
    message = ServiceBusMessage(b"\xffnot ours", correlation_id=operation, reply_to_session_id="nobody")
    await _send(client, "run-model", message)
    neighbour = await client.predict(wine(alpha=0.36, l1_ratio=0.33), wait=PATIENCE_S)
    assert neighbour.status_code == 200
    error = (await _eventually(client, operation))["error"]
    assert error["type"].endswith("dead-lettered")
    assert "MaxDeliveryCountExceeded" in error["detail"]


async def test_commands_that_share_a_message_are_separated_when_it_comes_again(stack: Stack, client: Client) -> None:
    """One of them may have brought the process down: it must not take the others with it for ever."""
    commands = [_command(alpha=0.36, deadline_s=600) for _ in range(3)]
    await client.predict(wine(alpha=0.36), wait=PATIENCE_S)
    await stack.stop_part("run-model")
    message = ServiceBusMessage(b"[" + b",".join(each.to_json() for each in commands) + b"]")
    async with ServiceBusClient.from_connection_string(stack.addresses.servicebus_connection) as bus:
        async with bus.get_queue_sender("run-model") as sender:
            await sender.send_messages(message)
        async with bus.get_queue_receiver("run-model") as receiver:
            (received,) = await receiver.receive_messages(max_wait_time=PATIENCE_S)
            await receiver.abandon_message(received)
    await stack.start_part("run-model")
    for each in commands:
        assert (await _eventually(client, each.operation))["status"] == "completed"


async def test_who_waits_for_a_slow_load_is_told_so(stack: Stack, client: Client) -> None:
    parameters = {"kind": "slow-load"}
    body = {"modelType": "oddities", "modelParameters": parameters, "predictionParameters": {"a": 1}}
    assert (await client.predict(body, wait=PATIENCE_S)).status_code == 200
    await stack.stop_part("run-model")
    await stack.start_part("run-model")
    oddities = {"model_type": "oddities", "parameters": parameters, "key": training_key("oddities", parameters)}
    asked = {"prediction_input": {"a": 1}, "reply_to_session": uuid.uuid4().hex}
    command = _command(alpha=0.36, deadline_s=600).model_copy(update=oddities | asked)
    async with (
        ServiceBusClient.from_connection_string(stack.addresses.servicebus_connection) as bus,
        bus.get_queue_receiver(RESULTS, session_id=command.reply_to_session) as receiver,
    ):
        await _send(client, "run-model", ServiceBusMessage(command.to_json(), message_id=command.message_id))
        events: list[Event] = []
        while not events or events[-1].phase != OUTCOME:
            (message,) = await receiver.receive_messages(max_wait_time=PATIENCE_S)
            events.append(Event.model_validate_json(str(message)))
            await receiver.complete_message(message)
    assert [event.operation.status_message for event in events[:-1]] == ["loading the model"]
    assert events[-1].operation.status == "completed"


async def test_a_dead_message_answers_each_of_its_commands(client: Client) -> None:
    operations = [uuid.uuid4().hex for _ in range(2)]
    message = ServiceBusMessage(
        b"[", reply_to_session_id="nobody", application_properties={OPERATIONS: ",".join(operations)}
    )
    await _send(client, "run-model", message)
    for operation in operations:
        assert (await _eventually(client, operation))["error"]["type"].endswith("dead-lettered")


async def test_work_past_its_deadline_is_not_executed(client: Client) -> None:
    command = _command(alpha=0.24, deadline_s=-1)
    await _send(client, "run-model", ServiceBusMessage(command.to_json(), message_id=command.message_id))
    error = (await _eventually(client, command.operation))["error"]
    assert error["type"].endswith("deadline-exceeded")
    assert await client.databricks_runs(command.key) == []


async def test_no_bus_is_503_and_nothing_is_accepted(stack: Stack, client: Client) -> None:
    await stack.stop_part("broker")
    try:
        refused = await client.predict(wine(alpha=0.36, l1_ratio=0.33), wait=1)
        assert refused.status_code == 503
        assert refused.headers["retry-after"]
        assert refused.json()["runId"] is None
    finally:
        await stack.start_part("broker")
    async with asyncio.timeout(OUTCOME_S):
        while (await client.predict(wine(alpha=0.36, l1_ratio=0.33), wait=5)).status_code != 200:
            pass


def _command(alpha: float, deadline_s: int) -> RunModel:
    now = utc_now()
    return RunModel(
        operation=uuid.uuid4().hex,
        reply_to_session="nobody",
        model_type="wine",
        parameters={"alpha": alpha, "l1_ratio": 0.5},
        key=wine_key(alpha=alpha),
        prediction_input=WINE_ROW,
        created_at=now - timedelta(hours=1),
        deadline=now + timedelta(seconds=deadline_s),
        expires_at=now + timedelta(hours=1),
    )


async def _send(client: Client, queue: str, message: ServiceBusMessage) -> None:
    async with (
        ServiceBusClient.from_connection_string(client.addresses.servicebus_connection) as bus,
        bus.get_queue_sender(queue) as sender,
    ):
        await sender.send_messages(message)


async def _eventually(client: Client, operation: str) -> dict[str, Any]:
    """The outcome of an operation that no 202 announced."""
    await client.begin(operation)
    response = await client.http.get(f"/predict/{operation}")
    async with asyncio.timeout(OUTCOME_S):
        while response.json()["status"] in ("pending", "running"):
            response = await client.http.get(f"/predict/{operation}")
    document: dict[str, Any] = response.json()
    return document
