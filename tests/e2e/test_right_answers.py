"""The right answer or a clear refusal, through HTTP, bus, training and model."""

import asyncio
import uuid
from typing import Any

import httpx
import pytest

from tests.e2e.client import OUTCOME_S, PATIENCE_S, WINE_ROW, Client, wine, wine_key

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def ask(client: Client, kind: str, rows: Any) -> httpx.Response:
    body = {"modelType": "oddities", "modelParameters": {"kind": kind}, "predictionParameters": rows}
    return await client.predict(body, wait=PATIENCE_S)


@pytest.mark.parametrize(
    ("kind", "results"),
    [
        ("forecast", [[11.0, 12.0, 13.0], [21.0, 22.0, 23.0], [31.0, 32.0, 33.0]]),
        ("batch-mean", [[0.0], [0.0], [0.0]]),
        ("objects", [[7]] * 3),
        ("missing", [[None]] * 3),
        ("infinite", [[None, "Infinity", "-Infinity"]] * 3),
    ],
)
async def test_requests_at_the_same_moment_get_their_own_results(client: Client, kind: str, results: Any) -> None:
    assert (await ask(client, kind, {"a": 0})).status_code == 200  # it is trained and loaded
    for _ in range(5):
        answers = await asyncio.gather(*(ask(client, kind, {"a": value}) for value in (10, 20, 30)))
        assert [answer.json()["result"] for answer in answers] == results


@pytest.mark.parametrize(
    ("kind", "said"),
    [("panic", "Panic"), ("exit", "SystemExit"), ("secret", "ConnectionError"), ("interval", "nterval")],
)
async def test_trouble_of_a_model_is_one_failure_that_names_the_type(client: Client, kind: str, said: str) -> None:
    response = await ask(client, kind, {"a": 1})
    assert response.status_code == 500
    error = response.json()["error"]
    assert error["type"].endswith("prediction-failed")
    assert said in error["detail"]
    assert "hunter2" not in response.text
    assert (await client.predict(wine(alpha=0.36, l1_ratio=0.33), wait=PATIENCE_S)).status_code == 200


async def test_the_run_itself_answers_with_its_last_step(client: Client) -> None:
    for seed in range(3):
        body = {"modelType": "search", "modelParameters": {"seed": seed}, "predictionParameters": {"a": 1}}
        assert (await client.predict(body, wait=PATIENCE_S)).json()["result"] == [3.0]


async def test_a_deleted_model_is_gone_within_seconds_and_trained_anew(client: Client) -> None:
    body = wine(alpha=0.91)
    first = (await client.predict(body, wait=PATIENCE_S)).json()
    await asyncio.to_thread(client.mlflow.delete_logged_model, first["model"]["uri"].removeprefix("models:/"))
    answer = first
    async with asyncio.timeout(OUTCOME_S):
        # A training that ended within 10 s before the request counts as its own, so there may be errors meanwhile.
        while answer["status"] == "error" or answer["model"] == first["model"]:
            await asyncio.sleep(0.2)  # a client's poll: no event tells of it
            answer = (await client.predict(body, wait=PATIENCE_S)).json()
    assert answer["training"]["runId"] != first["training"]["runId"]


async def test_a_tag_that_lies_is_not_believed(client: Client) -> None:
    model_id = await client.log_by_hand({"alpha": "0.5", "l1_ratio": "0.5"})
    client.mlflow.set_logged_model_tags(model_id, {"ondemand.key": wine_key(alpha=0.92)})
    answer = (await client.predict(wine(alpha=0.92), wait=PATIENCE_S)).json()
    assert answer["model"]["uri"] != f"models:/{model_id}"
    assert answer["training"]["runId"] > 0


async def test_the_answer_tells_what_was_used_and_what_was_not(client: Client) -> None:
    rows = [WINE_ROW | {"colour": "white"}]
    answer = (await client.predict(wine(rows, alpha="0.36", l1_ratio=0.33), wait=PATIENCE_S)).json()
    assert answer["modelParameters"] == {"alpha": 0.36, "l1_ratio": 0.33}
    assert answer["ignoredColumns"] == ["colour"]
    plain = (await client.predict(wine(alpha="0.36", l1_ratio=0.33), wait=PATIENCE_S)).json()
    assert plain["ignoredColumns"] is None
    assert plain["result"] == answer["result"]


async def test_a_poll_may_send_the_whole_document_back(client: Client) -> None:
    # With the key it can be polled even if the answer is there within no time at all.
    key = {"Idempotency-Key": uuid.uuid4().hex}
    accepted = (await client.predict(wine(alpha=0.36, l1_ratio=0.33), wait=0, **key)).json()
    document = accepted | {"modelParameters": None, "predictionParameters": "anything"}
    for run_id in (accepted["runId"], accepted["runId"].upper()):
        polled = await client.predict(document | {"runId": run_id}, wait=PATIENCE_S)
        assert (polled.status_code, polled.json()["status"]) == (200, "completed")


async def test_wrong_rows_are_named_with_row_and_column(client: Client) -> None:
    rows = [WINE_ROW, WINE_ROW | {"alcohol": None}]
    response = await client.predict(wine(rows, alpha=0.36, l1_ratio=0.33), wait=PATIENCE_S)
    assert response.status_code == 422
    messages = [error["message"] for error in response.json()["error"]["errors"]]
    assert len(messages) == 1
    assert "row 1" in messages[0]
    assert "alcohol" in messages[0]


async def test_model_that_hangs_is_given_up_and_holds_up_no_other(client: Client) -> None:
    for kind in ("hang", "forecast"):
        assert (await ask(client, kind, {"a": 0})).status_code == 200  # it is trained and loaded
    hanging = asyncio.create_task(ask(client, "hang", {"a": 666}))
    assert (await ask(client, "forecast", {"a": 10})).json()["result"] == [11.0, 12.0, 13.0]
    assert not hanging.done()
    for response in (await hanging, await ask(client, "hang", {"a": 1})):
        assert response.status_code == 500
        assert response.json()["error"]["type"].endswith("prediction-timeout")
    assert (await ask(client, "forecast", {"a": 20})).json()["result"] == [21.0, 22.0, 23.0]
