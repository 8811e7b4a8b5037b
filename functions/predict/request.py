"""The edge: what a request must look like before it may cost a queue message. Pure."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson
from pydantic import ValidationError

from functions.catalog import Catalog, ModelType
from functions.contracts import PredictRequest
from functions.errors import (
    FieldError,
    InvalidRequest,
    MalformedRequest,
    RequestTooLarge,
    UnsupportedMediaType,
)
from functions.parameters import ParameterValue, canonical_parameters, training_key

MAX_WAIT_S = 60.0
MAX_DEPTH = 32
"""Levels of lists and objects in the rows."""
MAX_IDEMPOTENCY_KEY = 255
SCORING_KEYS = frozenset({"dataframe_split", "dataframe_records", "instances", "inputs"})
_SQUARE = bytes.maketrans(b"{}", b"[]")
_NO_BRACKETS = bytes(byte for byte in range(256) if byte not in b"[]{}")
_WAIT = re.compile(r"""(?:^|[,;])\s*wait\s*=\s*"?(\d{1,9})"?\s*(?=$|[,;])""", re.IGNORECASE)
_ASYNC = re.compile(r"(?:^|[,;])\s*respond-async\s*(?=$|[,;])", re.IGNORECASE)
_TRACEPARENT = re.compile(r"^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$")


@dataclass(frozen=True)
class Prediction:
    """A valid request: model type, canonical parameters and the rows, also as the JSON that travels."""

    model_type: str
    entry: ModelType
    parameters: dict[str, ParameterValue]
    key: str
    rows: Any
    rows_json: bytes


def parse_body(content_type: str | None, body: bytes, max_bytes: int) -> PredictRequest:
    """The request as the API's schema has it.

    Raises RequestTooLarge (before parsing), UnsupportedMediaType, MalformedRequest or InvalidRequest.
    """
    if len(body) > max_bytes:
        raise RequestTooLarge(f"The body has {len(body)} bytes; {max_bytes} are allowed. Send the rows in parts.")
    media_type = (content_type or "application/json").split(";")[0].strip().lower()
    if media_type != "application/json" and not media_type.endswith("+json"):
        raise UnsupportedMediaType(f"Send the body as application/json, not {media_type[:100]!r}.")
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise MalformedRequest(f"The body is not valid JSON: {error}") from error
    if not isinstance(document, dict):
        raise MalformedRequest("The body must be a JSON object.")
    try:
        return PredictRequest.model_validate(document)
    except ValidationError as error:
        raise InvalidRequest(
            "The request has wrong fields; see errors.",
            [FieldError(field=".".join(map(str, e["loc"]))[:200], message=e["msg"]) for e in error.errors()],
        ) from error


def validate(request: PredictRequest, catalog: Catalog, max_rows: int) -> Prediction:
    """Raises UnknownModelType, or InvalidRequest with every offending field."""
    if request.model_type is None:
        known = ", ".join(sorted(catalog.models))
        raise InvalidRequest(
            "The request has wrong fields; see errors.",
            [FieldError(field="modelType", message=f"is required; one of {known}")],
        )
    model_type, entry = catalog.find(request.model_type)
    parameters, errors = canonical_parameters(entry.parameters, request.model_parameters)
    rows = request.prediction_parameters
    rows_json = _as_json(rows)
    if mistake := _wrong_rows(rows, rows_json, max_rows):
        errors.append(FieldError(field="predictionParameters", message=mistake))
    if errors:
        raise InvalidRequest("The request has wrong fields; see errors.", errors)
    return Prediction(model_type, entry, parameters, training_key(model_type, parameters), rows, rows_json)


def _as_json(rows: Any) -> bytes:
    """Empty for rows so deep that orjson gives up, which is far beyond `MAX_DEPTH`."""
    try:
        return orjson.dumps(rows)
    except orjson.JSONEncodeError:
        return b""


def _wrong_rows(rows: Any, rows_json: bytes, max_rows: int) -> str | None:
    if not isinstance(rows, dict | list):
        return "must be a row (object), rows (list of objects) or an MLflow scoring body"
    if not rows_json or (_may_be_deep(rows_json) and _deeper_than(rows, MAX_DEPTH)):
        return f"is nested deeper than {MAX_DEPTH} levels"
    if isinstance(rows, dict):
        scoring = SCORING_KEYS & rows.keys()
        if not scoring:
            return None if rows else "has no columns"
        if len(rows) > 1:
            return f"a scoring body has exactly one of {', '.join(sorted(SCORING_KEYS))} and nothing else"
        payload = rows[next(iter(scoring))]
        # MLflow takes a string here for the path of a file: never let one through.
        if not isinstance(payload, dict | list) or not payload:
            return "the scoring body must hold a list or an object that is not empty"
        # An object holds columns (inputs), or the rows of dataframe_split under `data`.
        records = max(filter(_is_list, payload.values()), key=len, default=[]) if isinstance(payload, dict) else payload
    else:
        if not rows:
            return "has no rows"
        if not all(isinstance(row, dict) and row for row in rows):
            return "every row must be an object with at least one column"
        records = rows
    if len(records) > max_rows:
        return f"has {len(records)} rows; {max_rows} are allowed"
    split = rows.get("dataframe_split") if isinstance(rows, dict) else None
    return _ragged(split) if isinstance(split, dict) else None


def _ragged(split: dict[str, Any]) -> str | None:
    """pandas fills a row that is too short with nothing, and a model gets values that nobody sent."""
    columns, data = split.get("columns"), split.get("data")
    if not isinstance(columns, list) or not isinstance(data, list):
        return None
    for number, row in enumerate(data):
        if not isinstance(row, list) or len(row) != len(columns):
            return f"dataframe_split.data[{number}] must be a list of {len(columns)} values, one for each column"
    return None


def _is_list(value: Any) -> bool:
    return isinstance(value, list)


def _may_be_deep(rows_json: bytes) -> bool:
    """Takes away one level of brackets after the other, at a tenth of the cost of looking at each value.

    Brackets inside of strings may make it say so wrongly.
    """
    brackets = rows_json.translate(_SQUARE, delete=_NO_BRACKETS)
    for _ in range(MAX_DEPTH):
        brackets = brackets.replace(b"[]", b"")
        if not brackets:
            return False
    return True


def _deeper_than(value: Any, levels: int) -> bool:
    """Breadth first, so that it needs no recursion itself."""
    layer = [value]
    for _ in range(levels):
        children = (child for node in layer for child in (node.values() if isinstance(node, dict) else node))
        layer = [child for child in children if isinstance(child, dict | list)]
        if not layer:
            return False
    return True


def preferred_wait(prefer: str | None) -> float | None:
    """Seconds of ``Prefer: wait=N`` (RFC 7240), at most 60; 0 for ``respond-async``; None without either."""
    if prefer is None:
        return None
    if match := _WAIT.search(prefer):
        return min(float(match.group(1)), MAX_WAIT_S)
    return 0.0 if _ASYNC.search(prefer) else None


def idempotency_key(header: str | None) -> str | None:
    """The checked ``Idempotency-Key``. Raises InvalidRequest."""
    if header is None:
        return None
    if not header or len(header) > MAX_IDEMPOTENCY_KEY or not header.isprintable():
        message = f"must have 1 to {MAX_IDEMPOTENCY_KEY} printable characters"
        raise InvalidRequest(
            "The request has a wrong header; see errors.", [FieldError(field="Idempotency-Key", message=message)]
        )
    return header


def operation_id_of(key: str) -> str:
    """The operation id that an idempotency key stands for: 32 hexadecimal characters."""
    return hashlib.sha256(b"idempotency-key\0" + key.encode()).hexdigest()[:32]


def body_digest(prediction: Prediction) -> str:
    """What makes two requests the same one: training key and rows, however they were spelt."""
    rows = orjson.dumps(prediction.rows, option=orjson.OPT_SORT_KEYS)
    return hashlib.sha256(prediction.key.encode() + rows).hexdigest()


def traceparent_of(headers: Mapping[str, str]) -> str | None:
    """The W3C trace context of the request, if it is well formed."""
    value = headers.get("traceparent", "").strip()
    return value if _TRACEPARENT.match(value) else None
