"""Bad input: a clear problem, every wrong field named, and no queue message."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.e2e.client import PATIENCE_S, WINE_ROW, Client, wine

pytestmark = pytest.mark.asyncio(loop_scope="session")
JSON = {"Content-Type": "application/json"}


@pytest.mark.parametrize(
    ("content", "headers", "status", "slug"),
    [
        (b"{", JSON, 400, "malformed-request"),
        (b"[1]", JSON, 400, "malformed-request"),
        (b"{}", {"Content-Type": "text/plain"}, 415, "unsupported-media-type"),
        (b"[" + b"0," * 1_100_000 + b"0]", JSON, 413, "request-too-large"),
        (b"{}", JSON, 422, "invalid-request"),
        (b'{"runId": "nonsense"}', JSON, 404, "unknown-run"),
        (b'{"runId": "00000000000000000000000000000000"}', JSON, 404, "unknown-run"),
        (b'{"modelType": "beer"}', JSON, 404, "unknown-model-type"),
    ],
)
async def test_problem(client: Client, content: bytes, headers: dict[str, str], status: int, slug: str) -> None:
    response = await client.http.post("/predict", content=content, headers=headers)
    assert response.status_code == status
    answer = response.json()
    assert (answer["status"], answer["runId"]) == ("error", None)
    assert answer["error"]["type"].endswith(slug)
    assert answer["error"]["status"] == status
    assert answer["error"]["detail"]


async def test_body_in_chunks_is_refused_with_what_to_do(client: Client) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        yield b"{}"

    response = await client.http.post("/predict", content=chunks(), headers=JSON)
    error = response.json()["error"]
    assert (response.status_code, error["type"]) == (411, "urn:mlflow-ondemand:problem:length-required")
    assert "Content-Length" in error["detail"]


async def test_every_wrong_field_is_named(client: Client) -> None:
    response = await client.predict(wine([], alpha=11, l1_ratio="much", gamma=1))
    assert response.status_code == 422
    fields = {error["field"]: error["message"] for error in response.json()["error"]["errors"]}
    assert set(fields) == {
        "modelParameters.alpha", "modelParameters.l1_ratio", "modelParameters.gamma", "predictionParameters",
    }  # fmt: skip
    assert "at most 10" in fields["modelParameters.alpha"]


async def test_an_unknown_type_names_the_known_ones(client: Client) -> None:
    detail = (await client.predict({"modelType": "beer", "predictionParameters": WINE_ROW})).json()["error"]["detail"]
    assert "diabetes, failing, forgetful, oddities, search, wine" in detail


@pytest.mark.parametrize(
    "rows",
    [
        {"alcohol": 12.8},
        WINE_ROW | {"alcohol": "strong"},
        {"dataframe_split": {"columns": ["alcohol"], "data": [[1.0]]}},
        {"instances": [[1, 2, 3]]},
    ],
)
async def test_rows_that_the_signature_refuses(client: Client, rows: Any) -> None:
    response = await client.predict(wine(rows, alpha=0.36, l1_ratio=0.33), wait=PATIENCE_S)
    assert response.status_code == 422, response.text
    assert response.json()["error"]["type"].endswith("input-refused")


async def test_an_unknown_run_is_404(client: Client) -> None:
    response = await client.http.get("/predict/ffffffffffffffffffffffffffffffff")
    assert response.status_code == 404
    assert response.json()["error"]["title"] == "Unknown run"
