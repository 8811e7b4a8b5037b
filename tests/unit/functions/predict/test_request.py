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
    body_digest,
    canonical_run_id,
    idempotency_key,
    parse_body,
    traceparent_of,
    validate,
)
from functions.settings import RowSettings

FEW = RowSettings(max_rows=10)
CATALOG = load_catalog(Path(__file__).parents[4] / "models.yaml")


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
    assert parse_body(content_type, b'{"runId": "x"}', 100).operation_id == "x"


def refused(body: dict[str, Any]) -> InvalidRequest:
    text = json.dumps(body).encode()
    with pytest.raises(InvalidRequest) as refusal:
        validate(parse_body(None, text, 1_000_000), CATALOG, FEW, text)
    return refusal.value


@pytest.mark.parametrize(
    ("field", "meant"),
    [("modeltype", "modelType"), ("MODELTYPE", "modelType"), ("model_type", "modelType"), ("runid", "runId"),
     ("modelParams", "modelParameters"), ("predictionparameter", "predictionParameters")],
)  # fmt: skip
def test_a_misspelt_field_gets_the_known_ones(field: str, meant: str) -> None:
    (error,) = refused({field: "wine"}).errors
    known = "runId, modelType, modelParameters, predictionParameters"
    assert error.field == field
    assert error.message == f"unknown field '{field}'; known are {known}; did you mean {meant}?"


def test_a_field_that_resembles_none_gets_the_known_ones_alone() -> None:
    (error,) = refused({"x" * 1000: 1}).errors
    assert error.field == "x" * 100 + "…"
    assert error.message.endswith("known are runId, modelType, modelParameters, predictionParameters")


def test_a_misspelt_parameter_gets_the_known_ones() -> None:
    (error,) = refused({"modelType": "wine", "modelParameters": {"alhpa": 1}, "predictionParameters": {"a": 1}}).errors
    assert error.field == "modelParameters.alhpa"
    assert error.message == "unknown parameter; known are alpha, l1_ratio; did you mean alpha?"


@pytest.mark.parametrize("body", [{f"field{n}": 1 for n in range(37)}, {"modelType": "wine", "predictionParameters": {
    "a": 1}, "modelParameters": {f"field{n}": 1 for n in range(37)}}])  # fmt: skip
def test_the_first_20_wrong_fields_are_listed_and_all_are_counted(body: dict[str, Any]) -> None:
    refusal = refused(body)
    assert [error.field.rpartition(".")[2] for error in refusal.errors] == [f"field{n}" for n in range(20)]
    assert refusal.detail == "37 wrong fields; the first 20 are listed in errors."


def test_wrong_parameters_and_wrong_rows_are_counted_together() -> None:
    rows = [{"a": 1}, *[{"b": 1}] * 9]
    refusal = refused(
        {"modelType": "wine", "modelParameters": {str(n): 1 for n in range(15)}, "predictionParameters": rows}
    )
    assert len(refusal.errors) == 20
    assert refusal.detail.startswith("24 wrong fields")


def test_the_number_of_parameters_is_bounded_before_they_are_looked_at() -> None:
    (error,) = refused({"modelType": "wine", "modelParameters": {str(n): 1 for n in range(1001)}}).errors
    assert (error.field, error.message) == ("modelParameters", "has more than 1000 entries")


@pytest.mark.parametrize(
    ("body", "field", "message"),
    [
        ({"modelType": 7}, "modelType", "must be a string"),
        ({"modelType": "x" * 201}, "modelType", "must be at most 200 characters"),
        ({"modelParameters": []}, "modelParameters", "must be an object"),
        ({}, "modelType", f"is required; one of {', '.join(sorted(CATALOG.models))}"),
        ({"modelType": None}, "modelType", f"is required; one of {', '.join(sorted(CATALOG.models))}"),
    ],
)
def test_wrong_fields_are_told_in_words_of_the_api(body: dict[str, Any], field: str, message: str) -> None:
    (error,) = refused(body).errors
    assert (error.field, error.message) == (field, message)


def test_null_for_parameters_means_that_none_are_given() -> None:
    body = b'{"runId": null, "modelType": "wine", "modelParameters": null, "predictionParameters": {"a": 1}}'
    prediction = validate(parse_body(None, body, 1000), CATALOG, FEW, body)
    assert prediction.parameters == {name: spec.default for name, spec in prediction.entry.parameters.items()}


@pytest.mark.parametrize(
    "document",
    [
        {"modelParameters": None, "status": "running", "result": None, "modelType": "wine", "createdAt": "2026"},
        {"status": "completed", "result": [2**70, {"a": [1]}], "error": {"errors": []}, "modelParameters": [1]},
        {"modelType": 7, "predictionParameters": "x", "anything": 1},
    ],
)
def test_nothing_but_the_id_of_a_poll_is_looked_at(document: dict[str, Any]) -> None:
    request = parse_body(None, json.dumps(document | {"runId": "x"}).encode(), 1000)
    assert request == PredictRequest(operation_id="x")


@pytest.mark.parametrize("run_id", [7, 0, False, [], {}, ["x"], 1.5])
def test_an_id_that_is_no_text_is_refused(run_id: object) -> None:
    (error,) = refused({"runId": run_id, "status": "running"}).errors
    assert error.field == "runId"
    assert "a string" in error.message


@pytest.mark.parametrize(
    "spelling",
    [
        "0123456789abcdef0123456789abcdef", "0123456789ABCDEF0123456789ABCDEF",
        "01234567-89ab-cdef-0123-456789abcdef", "01234567-89AB-CDEF-0123-456789ABCDEF",
    ],
)  # fmt: skip
def test_upper_case_and_dashes_are_the_same_id(spelling: str) -> None:
    assert canonical_run_id(spelling) == "0123456789abcdef0123456789abcdef"


@pytest.mark.parametrize(
    "text",
    [
        "", "x", "0" * 31, "0" * 33, "0" * 32 + "\n", " " + "0" * 32, "g" * 32, "\u0660" * 32, "-" * 32,
        "0-1-23456789abcdef0123456789abcdef", "{01234567-89ab-cdef-0123-456789abcdef}", "../" + "0" * 32,
        "01234567-89abcdef0123456789abcdef", "urn:uuid:01234567-89ab-cdef-0123-456789abcdef",
    ],
)  # fmt: skip
def test_other_text_is_no_id(text: str) -> None:
    assert canonical_run_id(text) is None


def test_idempotency_keys() -> None:
    assert idempotency_key(None) is None
    for wrong in ("", "x" * 256, "a\nb"):
        with pytest.raises(InvalidRequest):
            idempotency_key(wrong)


def test_the_digest_sees_through_spelling_and_not_through_values() -> None:
    def digest(**body: Any) -> str:
        request = parse_body(None, json.dumps({"modelType": "wine", **body}).encode(), 1000)
        return body_digest(validate(request, CATALOG, FEW))

    row = {"a": 1, "b": 2}
    same = digest(modelParameters={"alpha": "0.50"}, predictionParameters={"b": 2, "a": 1})
    assert digest(modelParameters={"alpha": 0.5}, predictionParameters=row) == same
    assert digest(modelParameters={"alpha": 0.5}, predictionParameters=[row]) == same
    assert digest(modelParameters={"alpha": 0.6}, predictionParameters=row) != same
    assert digest(modelParameters={"alpha": 0.5}, predictionParameters={"a": 1, "b": 3}) != same
    assert digest(modelParameters={"alpha": 0.5}, predictionParameters=[row, row]) != same


def test_traceparent() -> None:
    well_formed = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    assert traceparent_of({"traceparent": well_formed}) == well_formed
    assert traceparent_of({"traceparent": "00-x"}) is None
    assert traceparent_of({}) is None
