import asyncio

import pytest
from opentelemetry.trace import StatusCode

from functions import telemetry
from functions.contracts import Operation
from functions.errors import InputRefused, OnDemandError, PredictionFailed, UnknownModelType
from functions.telemetry import names
from tests.unit.functions.recording import Recording, id_of, parent_of

PARENT = {"traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"}


def request_labels(recorded: Recording) -> dict[str, str | int]:
    (labels,) = recorded.labels(names.REQUESTS)
    return labels


def test_request_is_in_the_trace_of_its_client(recorded: Recording) -> None:
    operation = Operation(operation_id="a" * 32, status="completed", model_type="wine")
    with telemetry.active.request("POST", "/predict", PARENT) as request:
        request.answered(200, operation)
    span = recorded.span("POST /predict")
    assert parent_of(span) == "00f067aa0ba902b7"
    assert (span.attributes or {})["ondemand.operation.id"] == "a" * 32
    assert request_labels(recorded) == {
        "http.request.method": "POST",
        "http.route": "/predict",
        "http.response.status_code": 200,
        "ondemand.model.type": "wine",
        "ondemand.outcome": "completed",
    }


def test_refused_request_has_the_error_as_its_outcome(recorded: Recording) -> None:
    error = UnknownModelType("There is none.")
    with telemetry.active.request("POST", "/predict", {}) as request:
        request.answered(404, Operation(status="error", error=error.problem()))
    assert request_labels(recorded)["ondemand.outcome"] == "unknown-model-type"
    assert recorded.span("POST /predict").status.status_code is StatusCode.UNSET


def test_answer_about_a_cancelled_operation_is_no_cancelled_request(recorded: Recording) -> None:
    with telemetry.active.request("GET", "/predict/{runId}", {}) as request:
        request.answered(200, Operation(status="cancelled"))
    labels = request_labels(recorded)
    assert (labels["http.response.status_code"], labels["ondemand.outcome"]) == (200, "cancelled")


def test_error_that_is_none_of_ours_is_no_label(recorded: Recording) -> None:
    """An operation may come from a runner that can write what it likes into its messages."""
    problem = UnknownModelType("There is none.").problem().model_copy(update={"type": f"urn:{'a' * 32}"})
    with telemetry.active.request("GET", "/predict/{runId}", {}) as request:
        request.answered(200, Operation(status="error", error=problem))
    assert request_labels(recorded)["ondemand.outcome"] == "other"


@pytest.mark.parametrize(
    ("error", "status", "outcome"),
    [(asyncio.CancelledError(), 499, "cancelled"), (ZeroDivisionError("secret"), 500, "internal-error")],
)
def test_request_without_an_answer(recorded: Recording, error: BaseException, status: int, outcome: str) -> None:
    with pytest.raises(type(error)), telemetry.active.request("GET", "/models", {}):
        raise error
    labels = request_labels(recorded)
    assert (labels["http.response.status_code"], labels["ondemand.outcome"]) == (status, outcome)
    assert "secret" not in recorded.span("GET /models").to_json()


@pytest.mark.parametrize(
    ("error", "status"), [(InputRefused("column x"), StatusCode.UNSET), (PredictionFailed("it"), StatusCode.ERROR)]
)
def test_failed_step_has_the_error_as_its_outcome(
    recorded: Recording, error: OnDemandError, status: StatusCode
) -> None:
    with pytest.raises(OnDemandError), telemetry.active.step("predict", "wine"):
        raise error
    assert recorded.labels(names.PREDICTIONS) == [{"ondemand.model.type": "wine", "ondemand.outcome": error.slug}]
    assert recorded.span("predict").status.status_code is status


def test_step_says_what_came_of_it(recorded: Recording) -> None:
    with telemetry.active.step("look up", "wine") as step:
        step.outcome = "not-found"
    assert recorded.labels(names.LOOKUPS) == [{"ondemand.model.type": "wine", "ondemand.outcome": "not-found"}]


def test_steps_are_within_each_other(recorded: Recording) -> None:
    with telemetry.active.step("load", "wine"), telemetry.active.step("predict", "wine"):
        pass
    assert parent_of(recorded.span("predict")) == id_of(recorded.span("load"))
