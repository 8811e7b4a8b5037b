"""Every kind of trouble that a client, a message, a model, a notebook or a service can make, as tables."""

import uuid
from collections.abc import Callable
from datetime import timedelta
from http import HTTPStatus
from pathlib import Path
from typing import Any

from azure.servicebus import ServiceBusMessage

from functions.catalog import load_catalog
from functions.contracts import Event, Operation, RunModel, StartTraining, utc_now
from functions.parameters import canonical_parameters, training_key
from functions.queues import RESULTS, RUN_MODEL, TRAIN
from tests.e2e.secrets.canaries import BEARER, FUNCTION_KEY, IDEMPOTENCY_KEY, ROW

CATALOG = Path(__file__).with_name("models.yaml")
CREDENTIALS = {"x-functions-key": FUNCTION_KEY, "Authorization": f"Bearer {BEARER}"}
KINDS_OF_LEAK = range(1, 18)
"""What a leaking model does: see notebooks/leaking_model.py."""
HOSTILE_ANSWERS = [
    (HTTPStatus.UNAUTHORIZED, "json"),
    (HTTPStatus.FORBIDDEN, "xml"),
    (HTTPStatus.NOT_FOUND, "html"),
    (HTTPStatus.BAD_REQUEST, "json"),
    (HTTPStatus.FOUND, "json"),
    (HTTPStatus.OK, "html"),
    (HTTPStatus.INTERNAL_SERVER_ERROR, "html"),
]


def ask(model_type: Any = "leaking", rows: Any = None, **parameters: Any) -> dict[str, Any]:
    return {
        "modelType": model_type,
        "modelParameters": parameters,
        "predictionParameters": {"a": 0} if rows is None else rows,
    }


def _json(body: Any, **headers: str) -> tuple[str, str, Any, dict[str, str]]:
    return "POST", "/predict", body, headers


REQUESTS: dict[str, tuple[str, str, Any, dict[str, str]]] = {
    "no JSON": _json(f'{{"modelType": "{ROW}'.encode()),
    "no UTF-8": _json(b'{"modelType": "' + ROW.encode() + b'\xff"}'),
    "no object": _json([ROW]),
    "a number": _json(b"17"),
    "an empty body": _json(b""),
    "too deep": _json(b"[" * 5000),
    "too large": _json(ask(rows={"a": ROW * 300_000})),
    "another content type": _json(ROW.encode(), **{"Content-Type": "text/plain"}),
    "no content type": _json(ROW.encode(), **{"Content-Type": ""}),
    "an encoding": _json(ROW.encode(), **{"Content-Encoding": "gzip"}),
    "an unknown type": _json(ask(ROW)),
    "a type with a newline": _json(ask(f"{ROW}\nERROR forged")),
    "a type that is no text": _json(ask({ROW: ROW})),
    "an unknown field": _json(ask() | {ROW: ROW}),
    "an unknown parameter": _json(ask(**{ROW: 1})),
    "a parameter of another kind": _json(ask(depth=ROW)),
    "a parameter out of bounds": _json(ask(depth=10)),
    "parameters in a list": _json(ask() | {"modelParameters": [ROW]}),
    "no rows": _json({"modelType": "leaking", ROW: 1}),
    "rows that are text": _json(ask(rows=ROW)),
    "rows of several kinds": _json(ask(rows=[{"a": 1}, ROW])),
    "ragged rows": _json(ask(rows=[{"a": 1}, {ROW: 2}])),
    "too many rows": _json(ask(rows=[{"a": 1}] * 101)),
    "a split that does not fit": _json(ask(rows={"dataframe_split": {"columns": ["a"], "data": [[1, ROW]]}})),
    "two scoring bodies": _json(ask(rows={"inputs": [ROW], "instances": [ROW]})),
    "a value that is no number": _json(ask(rows={"a": ROW})),
    "a column with a newline": _json(ask(rows={f"{ROW}\nERROR forged": 1})),
    "an unknown column": _json(ask(rows={"a": 0, ROW: 1})),
    "a wait that is none": _json(ask(), Prefer=f"wait={ROW}"),
    "an Idempotency-Key": _json(ask(), **{"Idempotency-Key": IDEMPOTENCY_KEY}),
    "its Idempotency-Key with another body": _json(ask(rows={"a": 1}), **{"Idempotency-Key": IDEMPOTENCY_KEY}),
    "an Idempotency-Key that is too long": _json(ask(), **{"Idempotency-Key": IDEMPOTENCY_KEY * 100}),
    "a poll of an unknown operation": ("GET", f"/predict/{uuid.uuid4().hex}", None, {}),
    "a poll of what is no id": ("GET", f"/predict/{ROW}", None, {}),
    "a poll outside the folder": ("GET", f"/predict/..%2F{ROW}", None, {}),
    "a poll by POST": _json({"runId": ROW}),
    "an unknown model type": ("GET", f"/models/{ROW}", None, {}),
    "an unknown path": ("GET", f"/{ROW}?code={FUNCTION_KEY}", None, {}),
    "an unknown method": ("PATCH", f"/predict?code={FUNCTION_KEY}", None, {}),
    "a trace context that is none": _json(ask(), traceparent=ROW),
    "the list of models": ("GET", f"/models?code={FUNCTION_KEY}", None, {}),
    "the API's description": ("GET", "/openapi.json", None, {}),
}
"""Name of the trouble: method, path, body and headers."""


def command(model_type: str = "leaking", **changes: Any) -> RunModel:
    values, _ = canonical_parameters(load_catalog(CATALOG).models[model_type].parameters, changes.pop("given", {}))
    now = utc_now()
    fields: dict[str, Any] = {
        "operation": uuid.uuid4().hex,
        "reply_to_session": "nobody",
        "model_type": model_type,
        "parameters": values,
        "key": training_key(model_type, values),
        "prediction_input": {"a": 0},
        "created_at": now,
        "deadline": now + timedelta(seconds=60),
        "expires_at": now + timedelta(hours=1),
    }
    return RunModel(**(fields | changes))


def _mangled(body: bytes, old: bytes, new: bytes) -> bytes:
    assert old in body
    return body.replace(old, new)


def _newer(body: bytes) -> bytes:
    return _mangled(body, b'"schemaVersion":1', b'"schemaVersion":9')


def _event() -> bytes:
    operation = Operation(operation_id=uuid.uuid4().hex, status="completed", result=[ROW])
    return Event(phase="outcome", operation=operation, reply_to_session="nobody").to_json()


MESSAGES: dict[str, tuple[str, Callable[[], bytes]]] = {
    "bytes": (RUN_MODEL, lambda: ROW.encode() + b"\xff"),
    "text": (TRAIN, lambda: ROW.encode()),
    "a list of text": (RUN_MODEL, lambda: f'["{ROW}", "{ROW}"]'.encode()),
    "an object of another kind": (TRAIN, lambda: f'{{"kind": "Another", "rows": "{ROW}"}}'.encode()),
    "an unknown version": (RUN_MODEL, lambda: _newer(command().to_json())),
    "an unknown type": (RUN_MODEL, lambda: command().model_copy(update={"model_type": ROW}).to_json()),
    "another key": (TRAIN, lambda: StartTraining(command=command(key="0" * 64)).to_json()),
    "a key that is none": (RUN_MODEL, lambda: command(key=f"{ROW}' OR 1").to_json()),
    "a parameter that is none": (TRAIN, lambda: StartTraining(command=command(parameters={ROW: ROW})).to_json()),
    "an operation that is none": (RUN_MODEL, lambda: command().model_copy(update={"operation": f"../{ROW}"}).to_json()),
    "rows that are none": (RUN_MODEL, lambda: command(prediction_input=[[ROW]]).to_json()),
    "rows that are not stored": (RUN_MODEL, lambda: command(prediction_input=None, input_stored=True).to_json()),
    "a command of the past": (RUN_MODEL, lambda: command(deadline=utc_now()).to_json()),
    "an event that is none": (RESULTS, lambda: f'{{"phase": "{ROW}"}}'.encode()),
    "an event of another folder": (RESULTS, lambda: _mangled(_event(), b'"runId":"', b'"runId":"../')),
    "an event of an unknown version": (RESULTS, lambda: _newer(_event())),
}  # fmt: skip
"""Name of the trouble: queue and body."""


def message(queue: str, body: bytes) -> ServiceBusMessage:
    return ServiceBusMessage(
        body,
        message_id=uuid.uuid4().hex,
        correlation_id=uuid.uuid4().hex,
        reply_to_session_id="nobody",
        session_id="nobody" if queue == RESULTS else None,
    )
