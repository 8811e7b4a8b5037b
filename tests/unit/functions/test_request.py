import json
from pathlib import Path
from typing import Any

import pytest

from functions.catalog import load_catalog
from functions.contracts import PredictRequest
from functions.errors import (
    InvalidRequest,
    MalformedRequest,
    OnDemandError,
    RequestTooLarge,
    UnsupportedMediaType,
)
from functions.predict.request import (
    MAX_DEPTH,
    body_digest,
    idempotency_key,
    operation_id_of,
    parse_body,
    preferred_wait,
    traceparent_of,
    validate,
)

CATALOG = load_catalog(Path(__file__).parents[3] / "models.yaml")


def rows_mistake(rows: Any, max_rows: int = 10) -> str | None:
    request = PredictRequest(model_type="wine", prediction_parameters=rows)
    try:
        validate(request, CATALOG, max_rows)
    except InvalidRequest as error:
        return "; ".join(f"{mistake.field} {mistake.message}" for mistake in error.errors)
    return None


@pytest.mark.parametrize(
    ("content_type", "body", "error"),
    [
        ("application/json", b"{", MalformedRequest),
        ("application/json", b"", MalformedRequest),
        ("application/json", b"null", MalformedRequest),
        ("application/json", b"[" * 100_000, MalformedRequest),
        ("application/json", b'{"x": NaN}', MalformedRequest),
        ("application/json", b"\xff", MalformedRequest),
        ("text/csv", b"{}", UnsupportedMediaType),
        ("application/json", b"{}" + b" " * 200_000, RequestTooLarge),
        ("application/json", b'{"modelTyp": "wine"}', InvalidRequest),
        ("application/json", b'{"modelType": 7}', InvalidRequest),
        ("application/json", b'{"modelParameters": []}', InvalidRequest),
    ],
)
def test_refused_bodies(content_type: str, body: bytes, error: type[OnDemandError]) -> None:
    with pytest.raises(error) as raised:
        parse_body(content_type, body, 150_000)
    assert raised.value.detail


@pytest.mark.parametrize("content_type", ["application/json", "Application/JSON; charset=utf-8", "a/b+json", None])
def test_json_content_types(content_type: str | None) -> None:
    assert parse_body(content_type, b'{"runId": "x"}', 100).run_id == "x"


@pytest.mark.parametrize(
    "rows",
    [
        {"alcohol": 1},
        [{"alcohol": 1}, {"alcohol": None}],
        {"dataframe_split": {"columns": ["a"], "data": [[1]]}},
        {"dataframe_records": [{"a": 1}]},
        {"instances": [[1, 2]]},
        {"inputs": {"a": [1]}},
    ],
)
def test_accepted_rows(rows: Any) -> None:
    assert rows_mistake(rows) is None


@pytest.mark.parametrize(
    ("rows", "mistake"),
    [
        (None, "must be"), ("/etc/passwd", "must be"), (3, "must be"),
        ({}, "no columns"), ([], "no rows"), ([1], "every row"), ([{}], "every row"),
        ({"inputs": "/etc/passwd"}, "list or an object"), ({"inputs": []}, "not empty"),
        ({"inputs": [1], "instances": [1]}, "exactly one"), ({"inputs": [1], "alcohol": 1}, "exactly one"),
        ([{"a": 1}] * 11, "11 rows"), ({"dataframe_split": {"data": [[1]] * 11}}, "11 rows"),
        ({"dataframe_split": {"columns": ["a", "b"], "data": [[1, 2], [1]]}}, "data[1] must be a list of 2 values"),
        ({"dataframe_split": {"columns": ["a"], "data": [[1, 2]]}}, "data[0] must be a list of 1 values"),
        ({"dataframe_split": {"columns": ["a"], "data": [1]}}, "data[0] must be a list of 1 values"),
        ({"instances": [1] * 11}, "11 rows"), ({"inputs": {"a": [1] * 11}}, "11 rows"),
    ],
)  # fmt: skip
def test_refused_rows(rows: Any, mistake: str) -> None:
    assert str(rows_mistake(rows)).startswith("predictionParameters ")
    assert mistake in str(rows_mistake(rows))


def test_depth_is_bounded() -> None:
    nested: Any = 1
    for _ in range(MAX_DEPTH - 1):
        nested = [nested]
    assert rows_mistake({"inputs": nested}) is None
    assert rows_mistake({"a": "[" * 100, "b": "]{" * 100}) is None
    assert "deeper" in str(rows_mistake({"a": "]" * 100, "inputs": [nested]}))
    assert "deeper" in str(rows_mistake({"inputs": [nested]}))


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None), ("", None), ("return=minimal", None), ("wait=10", 10), ("Wait = 7", 7), ('wait="5"', 5),
        ("respond-async, wait=10", 10), ("return=minimal; wait=3", 3), ("wait=3600", 60), ("wait=0", 0),
        ("respond-async", 0), ("await=5", None), ("wait=-1", None), ("wait=soon", None),
    ],
)  # fmt: skip
def test_preferred_wait(header: str | None, seconds: float | None) -> None:
    assert preferred_wait(header) == seconds


def test_idempotency_keys() -> None:
    assert idempotency_key(None) is None
    assert operation_id_of("a") == operation_id_of("a") != operation_id_of("b")
    for wrong in ("", "x" * 256, "a\nb"):
        with pytest.raises(InvalidRequest):
            idempotency_key(wrong)


def test_the_digest_sees_through_spelling_and_not_through_values() -> None:
    def digest(**body: Any) -> str:
        request = parse_body(None, json.dumps({"modelType": "wine", **body}).encode(), 1000)
        return body_digest(validate(request, CATALOG, 10))

    row = {"a": 1, "b": 2}
    same = digest(modelParameters={"alpha": "0.50"}, predictionParameters={"b": 2, "a": 1})
    assert digest(modelParameters={"alpha": 0.5}, predictionParameters=row) == same
    assert digest(modelParameters={"alpha": 0.6}, predictionParameters=row) != same
    assert digest(modelParameters={"alpha": 0.5}, predictionParameters={"a": 1, "b": 3}) != same


def test_traceparent() -> None:
    well_formed = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    assert traceparent_of({"traceparent": well_formed}) == well_formed
    assert traceparent_of({"traceparent": "00-x"}) is None
    assert traceparent_of({}) is None
