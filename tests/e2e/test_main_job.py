"""The main job: asked for, found untrained, trained, answered; then answered from the cache."""

import asyncio
from typing import Any

import pytest

from tests.e2e.client import OUTCOME_S, PATIENCE_S, WINE_ROW, Client, wine, wine_key

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_wine_is_trained_then_cached(client: Client) -> None:
    first = await client.predict(wine(alpha=0.36, l1_ratio="0.33"), wait=PATIENCE_S)
    assert first.status_code == 200, first.text
    answer = first.json()
    assert answer["status"] == "completed"
    assert answer["modelType"] == "wine"
    assert answer["training"]["state"] == "TERMINATED"
    assert answer["result"] == pytest.approx(await client.own_prediction(answer["model"]["uri"], [WINE_ROW]))

    second = (await client.predict(wine(alpha=0.36, l1_ratio="0.33"))).json()
    assert second["status"] == "completed"
    assert second["training"] is None
    assert (second["result"], second["model"]) == (answer["result"], answer["model"])
    assert len(await client.databricks_runs(wine_key(alpha=0.36, l1_ratio=0.33))) == 1


async def test_the_trained_model_carries_its_key(client: Client) -> None:
    answer = (await client.predict(wine(alpha=0.36, l1_ratio=0.33), wait=PATIENCE_S)).json()
    model = client.mlflow.get_logged_model(answer["model"]["uri"].removeprefix("models:/"))
    assert model.tags["ondemand.key"] == wine_key(alpha=0.36, l1_ratio=0.33)


@pytest.mark.parametrize("spelling", [{"alpha": "0.360", "l1_ratio": 0.33}, {"alpha": "3.6e-1", "l1_ratio": "33e-2"}])
async def test_parameters_written_differently_hit_the_same_model(client: Client, spelling: dict[str, Any]) -> None:
    usual = (await client.predict(wine(alpha=0.36, l1_ratio=0.33), wait=PATIENCE_S)).json()
    other = (await client.predict(wine(**spelling), wait=PATIENCE_S)).json()
    assert other["model"] == usual["model"]


async def test_fifty_simultaneous_requests_train_once_and_all_are_answered_right(client: Client) -> None:
    rows = [WINE_ROW | {"alcohol": 9 + number / 10} for number in range(50)]
    responses = await asyncio.gather(
        *(client.predict(wine(row, alpha=0.05, l1_ratio=0.5), wait=PATIENCE_S) for row in rows)
    )
    answers = [response.json() for response in responses]
    assert [answer["status"] for answer in answers] == ["completed"] * 50
    assert len({answer["model"]["uri"] for answer in answers}) == 1
    assert len(await client.databricks_runs(wine_key(alpha=0.05, l1_ratio=0.5))) == 1
    expected = await client.own_prediction(answers[0]["model"]["uri"], rows)
    assert [answer["result"][0] for answer in answers] == pytest.approx(expected)
    assert len(set(expected)) == 50


async def test_the_poll_flow_of_the_original_api(client: Client) -> None:
    accepted = await client.predict(wine(alpha=0.11))
    assert accepted.status_code == 202
    run_id = accepted.json()["runId"]
    assert accepted.headers["location"] == f"/predict/{run_id}"
    assert int(accepted.headers["retry-after"]) > 0
    assert accepted.json()["status"] in ("pending", "running")

    seen = set()
    async with asyncio.timeout(OUTCOME_S):
        while True:
            poll = await client.predict({"runId": run_id}, wait=1)
            seen.add(poll.json()["status"])
            if poll.status_code == 200:
                break
            assert poll.status_code == 202
    assert poll.json()["status"] == "completed"
    assert poll.json()["runId"] == run_id
    assert seen <= {"pending", "running", "completed"}
    assert (await client.outcome(run_id))["result"] == poll.json()["result"]


async def test_prefer_wait(client: Client) -> None:
    at_once = await client.predict(wine(alpha=0.12), wait=0)
    assert (at_once.status_code, at_once.headers["preference-applied"]) == (202, "wait=0")
    poll = await client.http.get(at_once.headers["location"], headers={"Prefer": f"wait={PATIENCE_S}"})
    assert (poll.status_code, poll.json()["status"]) == (200, "completed")


async def test_a_202_without_prefer_says_that_a_training_is_needed(client: Client) -> None:
    accepted = await client.predict(wine(alpha=0.13))
    assert accepted.status_code == 202
    assert accepted.json()["training"]["state"] == "REQUESTED"
    finished = await client.outcome(accepted.json()["runId"])
    assert finished["training"]["runId"] > 0


async def test_many_rows_go_through_the_claim_check(client: Client) -> None:
    rows = [WINE_ROW | {"alcohol": 8 + number % 60 / 10} for number in range(5000)]
    answer = (await client.predict(wine(rows, alpha=0.36, l1_ratio=0.33), wait=PATIENCE_S)).json()
    assert answer["status"] == "completed", answer["error"]
    expected = await client.own_prediction(answer["model"]["uri"], rows[:60])
    assert answer["result"][:60] == pytest.approx(expected)
    assert len(answer["result"]) == 5000


async def test_scoring_bodies_of_mlflow(client: Client) -> None:
    split = {"dataframe_split": {"columns": list(WINE_ROW), "data": [list(WINE_ROW.values())] * 2}}
    records = {"dataframe_records": [WINE_ROW, WINE_ROW]}
    answers = [
        (await client.predict(wine(rows, alpha=0.36, l1_ratio=0.33), wait=PATIENCE_S)).json()["result"]
        for rows in (split, records, [WINE_ROW, WINE_ROW])
    ]
    assert answers[0] == answers[1] == answers[2]
    assert len(answers[0]) == 2


async def test_diabetes_on_an_existing_cluster(client: Client) -> None:
    features = ("age", "sex", "bmi", "bp", "s1", "s2", "s3", "s4", "s5", "s6")
    row = dict.fromkeys(features, 0.01)
    body = {"modelType": "diabetes", "modelParameters": {"alpha": 0.1}, "predictionParameters": row}
    answer = (await client.predict(body, wait=PATIENCE_S)).json()
    assert answer["status"] == "completed", answer["error"]
    assert answer["result"] == pytest.approx(await client.own_prediction(answer["model"]["uri"], [row]))


async def test_models_lists_the_catalog_and_what_is_trained(client: Client) -> None:
    trained = (await client.predict(wine(alpha=0.36, l1_ratio=0.33), wait=PATIENCE_S)).json()["model"]
    model = (await client.http.get("/models/Wine")).json()
    assert model["parameters"]["alpha"]["maximum"] == 10
    listed = {entry["uri"]: entry for entry in model["trainedModels"]}
    assert listed[trained["uri"]]["parameters"] == {"alpha": "0.36", "l1_ratio": "0.33"}
    everything = (await client.http.get("/models")).json()["models"]
    assert {entry["modelType"] for entry in everything} == {
        "wine",
        "bounded",
        "diabetes",
        "failing",
        "forgetful",
        "oddities",
        "search",
    }
    unknown = await client.http.get("/models/beer")
    assert (unknown.status_code, unknown.headers["content-type"]) == (404, "application/problem+json")


async def test_openapi_describes_every_route(client: Client) -> None:
    document = (await client.http.get("/openapi.json")).json()
    assert set(document["paths"]) >= {"/predict", "/predict/{runId}", "/models", "/models/{type}"}
    assert document["components"]["schemas"]["Operation"]["properties"]["runId"]


async def test_an_idempotency_key_is_one_operation(client: Client) -> None:
    body = wine(alpha=0.36, l1_ratio=0.33)
    key = {"Idempotency-Key": "order-66"}
    first, second = await asyncio.gather(*(client.predict(body, PATIENCE_S, **key) for _ in range(2)))
    third = await client.predict(body, PATIENCE_S, **key)
    assert first.json()["runId"] == second.json()["runId"] == third.json()["runId"]
    assert {response.json()["status"] for response in (first, second, third)} == {"completed"}
    clash = await client.predict(wine(alpha=0.5), PATIENCE_S, **key)
    assert (clash.status_code, clash.json()["error"]["errors"][0]["field"]) == (422, "Idempotency-Key")


async def test_a_model_logged_by_hand_is_found(client: Client) -> None:
    model_id = await client.log_by_hand({"alpha": "0.770", "l1_ratio": "5e-1"})
    answer = (await client.predict(wine(alpha=0.77, l1_ratio=0.5), wait=PATIENCE_S)).json()
    assert answer["model"]["uri"] == f"models:/{model_id}"
    assert answer["training"] is None
    assert await client.databricks_runs(wine_key(alpha=0.77, l1_ratio=0.5)) == []
