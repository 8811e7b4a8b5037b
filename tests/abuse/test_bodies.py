"""Bodies that cost their sender little: refused in bounded memory, while others are answered."""

import asyncio
from typing import Any

import httpx
import orjson
import pytest

from ondemand.stack import Stack
from tests.abuse.bounds import HONEST, MAX_ANSWER_BYTES, bounded

pytestmark = pytest.mark.asyncio(loop_scope="session")


def _predict(**fields: Any) -> bytes:
    return orjson.dumps(HONEST | fields)


def _table(columns: int, rows: int) -> dict[str, Any]:
    return {"dataframe_split": {"columns": [f"c{n}" for n in range(columns)], "data": [[1] * columns] * rows}}


def _nested(depth: int) -> bytes:
    return b'{"modelType":"wine","predictionParameters":' + b"[" * depth + b"1" + b"]" * depth + b"}"


SHORT_FORM = ("each row names another column", "unknown parameters", "wrong values", "rows of nothing")
BODIES = {
    "each row names another column": lambda: _predict(predictionParameters=[{f"c{n}": 1} for n in range(24_000)]),
    "unknown parameters": lambda: _predict(modelParameters={f"{n:0100}": n for n in range(85_000)}),
    "one long unknown parameter": lambda: _predict(modelParameters={"x" * 9_500_000: 1}),
    "unknown columns": lambda: _predict(predictionParameters={f"{n:0100}": n for n in range(85_000)}),
    "wrong values": lambda: _predict(predictionParameters=[{"alcohol": "x" * 80} for _ in range(90_000)]),
    "unknown fields": lambda: orjson.dumps({f"{n:0100}": n for n in range(85_000)}),
    "a wide table": lambda: _predict(predictionParameters=_table(100_000, 1)),
    "rows of nothing": lambda: _predict(predictionParameters=[{}] * 2_000_000),
    "long numbers": lambda: b'{"modelType":"wine","predictionParameters":{"alcohol":' + b"1" * 9_500_000 + b"}}",
    "lists in lists": lambda: _nested(4_000_000),
    "some lists in lists": lambda: _nested(900),
    "a long model type": lambda: _predict(modelType="x" * 9_500_000),
    "a long key": lambda: _predict(runId="x" * 9_500_000),
}


@pytest.mark.parametrize(
    "name", [name if name in SHORT_FORM else pytest.param(name, marks=pytest.mark.long) for name in BODIES]
)
async def test_a_costly_body_is_refused_in_bounded_memory(stack: Stack, http: httpx.AsyncClient, name: str) -> None:
    body = BODIES[name]()
    async with bounded(stack):
        answers = await asyncio.gather(
            *(
                http.post("/predict", content=body, headers={"Content-Type": "application/json", "Prefer": "wait=30"})
                for _ in range(2)
            )
        )
    for answer in answers:
        print(len(body), answer.status_code, len(answer.content), answer.text[:100])
        assert answer.status_code in (400, 404, 413, 422, 429)
        assert len(answer.content) <= MAX_ANSWER_BYTES
        assert len(answer.json()["error"].get("errors", [])) <= 20


@pytest.mark.long
@pytest.mark.parametrize(
    "headers",
    [
        {"x-padding": "x" * 1_000_000},
        {f"x-{n}": "y" * 100 for n in range(5_000)},
        {"Idempotency-Key": "k" * 60_000},
        {"Prefer": "wait=1," * 8_000},
        {"traceparent": "0" * 60_000},
    ],
    ids=["one", "many", "key", "prefer", "traceparent"],
)
async def test_huge_headers_are_refused(stack: Stack, http: httpx.AsyncClient, headers: dict[str, str]) -> None:
    async with bounded(stack):
        try:
            answer = await http.post("/predict", json=HONEST, headers=headers)
        except httpx.TransportError:
            return  # the server closed the connection
    assert answer.status_code < 500
    assert len(answer.content) <= MAX_ANSWER_BYTES
