"""The functions of the predict app: who may call them, and what reaches HTTP. Nothing here needs a broker."""

import json
import logging
from collections.abc import AsyncIterator
from pathlib import Path

import azure.functions as func
import pytest
import pytest_asyncio
from azure.functions.servicebus import ServiceBusMessage

from functions.catalog import catalog
from functions.contracts import Event, Operation
from functions.errors import Unavailable
from functions.operations import Operations, open_store
from functions.predict import blueprint as module
from functions.settings import StoreSettings, load
from functions.telemetry.names import REQUESTS
from tests.unit.functions.handlers import NOBODY_LISTENS, Handler, Message, functions_of, handlers_of, trigger_of
from tests.unit.functions.recording import Recording

ID, OTHER_ID = "a" * 32, "b" * 32


@pytest_asyncio.fixture
async def handlers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[dict[str, Handler]]:
    monkeypatch.setenv("SERVICEBUS_CONNECTION", NOBODY_LISTENS)
    monkeypatch.setenv("OPERATIONS_URL", tmp_path.as_uri())
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:1")
    module.app.cache_clear()
    yield handlers_of(module.blueprint)
    await module.app().bus.close()
    module.app.cache_clear()


def request(body: bytes = b"", headers: dict[str, str] | None = None, **route: str) -> func.HttpRequest:
    return func.HttpRequest("POST", "/predict", headers=headers or {}, route_params=route, body=body)


def outcome() -> Event:
    return Event(
        phase="outcome",
        operation=Operation(operation_id=ID, status="completed", result=[5.6]),
        reply_to_session="session of an instance that died",
    )


def test_all_but_the_document_needs_a_key() -> None:
    functions = functions_of(module.blueprint)
    levels = {name: trigger_of(each).get("authLevel") for name, each in functions.items()}
    assert {name: str(level) for name, level in levels.items() if level is not None} == {
        "predict": "FUNCTION",
        "operation": "FUNCTION",
        "models": "FUNCTION",
        "model": "FUNCTION",
        "openapi": "ANONYMOUS",
    }


def test_each_queue_has_a_function_for_its_dead_letters() -> None:
    functions = functions_of(module.blueprint)
    queues = {trigger_of(each).get("queueName") for each in functions.values()} - {None}
    assert queues == {
        "results",
        "results/$DeadLetterQueue",
        "train/$DeadLetterQueue",
        "run-model/$DeadLetterQueue",
    }


async def test_refused_request_is_an_operation_in_the_status_error(handlers: dict[str, Handler]) -> None:
    response = await handlers["predict"](request(b"{", {"content-type": "application/json"}))
    assert (response.status_code, response.mimetype) == (400, "application/json")
    document = json.loads(response.get_body())
    assert (document["status"], document["error"]["status"], document["runId"]) == ("error", 400, None)


async def test_body_in_chunks_is_411_with_what_to_do(handlers: dict[str, Handler]) -> None:
    """The Functions host gives an empty body then (azure-functions-host#4926)."""
    headers = {"Content-Type": "application/json", "Transfer-Encoding": "chunked"}
    response = await handlers["predict"](request(b"", headers))
    error = json.loads(response.get_body())["error"]
    assert (response.status_code, error["type"]) == (411, "urn:mlflow-ondemand:problem:length-required")
    assert "Content-Length" in error["detail"]


async def test_unknown_run_is_404(handlers: dict[str, Handler]) -> None:
    response = await handlers["operation"](request(runId=ID))
    assert (response.status_code, json.loads(response.get_body())["error"]["title"]) == (404, "Unknown run")


async def test_unknown_model_type_is_problem_details(handlers: dict[str, Handler]) -> None:
    response = await handlers["model"](request(type="beer"))
    assert (response.status_code, response.mimetype) == (404, "application/problem+json")
    assert "wine" in json.loads(response.get_body())["detail"]


@pytest.mark.parametrize(
    ("function", "route", "status"),
    [
        ("predict", "/predict", 400),
        ("operation", "/predict/{runId}", 404),
        ("models", "/models", 200),
        ("model", "/models/{type}", 404),
    ],
)
async def test_request_has_one_audit_line_with_its_caller(
    handlers: dict[str, Handler], caplog: pytest.LogCaptureFixture, function: str, route: str, status: int
) -> None:
    caplog.set_level(logging.INFO)
    forged = 'beer"}\n{"caller": "key:forged"}'
    await handlers[function](request(headers={"x-functions-key": "the-key"}, runId=forged, type=forged))
    (line,) = [json.loads(record.message) for record in caplog.records if record.name == "functions.audit"]
    assert (line["method"], line["route"], line["status"]) == ("POST", route, status)
    assert line["caller"].startswith("key:")
    assert "the-key" not in caplog.text
    assert "forged" not in json.dumps(line)


async def test_caller_has_a_share_of_the_places_to_read(handlers: dict[str, Handler]) -> None:
    reading, caller = module.app().service.reading, await module.app().callers.name({"x-functions-key": "k"}, {})
    reading.take(caller, reading.size // 2)
    for function in ("operation", "models", "model"):
        response = await handlers[function](request(headers={"x-functions-key": "k"}, runId=ID, type="wine"))
        assert (response.status_code, response.headers["Retry-After"]) == (429, "1")
        response = await handlers[function](request(headers={"x-functions-key": "another"}, runId=ID, type="wine"))
        assert response.status_code != 429


async def test_models_names_the_types(handlers: dict[str, Handler]) -> None:
    response = await handlers["models"](request())
    assert {each["modelType"] for each in json.loads(response.get_body())["models"]} == set(catalog().models)


async def test_document_of_the_api(handlers: dict[str, Handler]) -> None:
    response = await handlers["openapi"](request())
    assert (response.status_code, response.mimetype) == (200, "application/json")
    assert "/predict" in json.loads(response.get_body())["paths"]


async def begin(operation_id: str) -> None:
    """As the instance that died had done before it answered 202."""
    operations = Operations(open_store(load(StoreSettings).operations_url))
    await operations.begin(Operation(operation_id=operation_id, status="pending"))


@pytest.mark.parametrize("function", ["adopt_results", "dead_letters_results"])
async def test_orphaned_outcome_is_stored_and_can_be_polled(handlers: dict[str, Handler], function: str) -> None:
    await begin(ID)
    await handlers[function](Message(outcome().to_json()))
    response = await handlers["operation"](request(runId=ID))
    assert (response.status_code, json.loads(response.get_body())["result"]) == (200, [5.6])


async def test_orphaned_event_that_cannot_be_read_ends_its_operation_in_an_error(handlers: dict[str, Handler]) -> None:
    await begin(OTHER_ID)
    malformed = outcome().to_json().replace(b'"phase"', b'"stage"')
    message = ServiceBusMessage(
        body=malformed,
        message_id="the message",
        correlation_id=OTHER_ID,
        session_id="session of an instance that died",
        application_properties={},
        user_properties={},
    )
    with pytest.raises(Unavailable):  # the bus, which keeps the original
        await handlers["adopt_results"](message)
    response = await handlers["operation"](request(runId=OTHER_ID))
    document = json.loads(response.get_body())
    assert (response.status_code, document["status"]) == (200, "error")
    assert document["error"]["title"] == "Request could not be processed"


@pytest.mark.parametrize(
    ("function", "route", "status", "outcome"),
    [
        ("predict", "/predict", 400, "malformed-request"),
        ("operation", "/predict/{runId}", 404, "unknown-run"),
        ("models", "/models", 200, "ok"),
        ("model", "/models/{type}", 404, "unknown-model-type"),
    ],
)
async def test_request_is_measured(
    handlers: dict[str, Handler], recorded: Recording, function: str, route: str, status: int, outcome: str
) -> None:
    await handlers[function](request(runId="unknown", type="beer"))
    (labels,) = recorded.labels(REQUESTS)
    assert (labels["http.route"], labels["http.response.status_code"]) == (route, status)
    assert labels["ondemand.outcome"] == outcome
