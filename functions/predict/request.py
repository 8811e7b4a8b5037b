"""The edge: what a request must look like before it may cost a queue message. Pure."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from functions.catalog import Catalog, ModelType
from functions.contracts import MAX_PARAMETERS, PredictRequest
from functions.errors import MAX_LISTED, FieldError, InvalidRequest, cut
from functions.parameters import ParameterValue, canonical_parameters, did_you_mean, training_key
from functions.predict.body import json_object
from functions.predict.losses import refuse_losses
from functions.predict.rows import Rows, checked_rows
from functions.predict.wrong_rows import WrongRows
from functions.settings import RowSettings

MAX_IDEMPOTENCY_KEY = 255
FIELDS = tuple(str(field.alias) for field in PredictRequest.model_fields.values())
_WORDS = {
    "string_type": "must be a string",
    "string_too_long": "must be at most 200 characters",
    "dict_type": "must be an object",
    "too_long": f"has more than {MAX_PARAMETERS} entries",
}
"""What pydantic's kinds of errors are in a request."""
_WRONG_FIELDS = "The request has wrong fields; see errors."
_TRACEPARENT = re.compile(r"^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$")
_RUN_ID = re.compile(r"[0-9a-f]{8}(-?)[0-9a-f]{4}\1[0-9a-f]{4}\1[0-9a-f]{4}\1[0-9a-f]{12}")


@dataclass
class ValidRequest:
    """A valid request: model type, canonical parameters and the rows, also as the JSON that travels."""

    model_type: str
    entry: ModelType
    parameters: dict[str, ParameterValue]
    key: str
    rows: Any
    rows_json: bytes

    def forget_rows(self) -> None:
        """Free the memory of the rows, which are many times as large as their JSON."""
        self.rows, self.rows_json = None, b""


def parse_body(
    content_type: str | None, body: bytes, max_bytes: int, content_encoding: str | None = None
) -> PredictRequest:
    """The request as the API's schema has it; of a poll the run id alone.

    Raises what `json_object` raises, or InvalidRequest.
    """
    document = json_object(content_type, body, max_bytes, content_encoding)
    run_id = document.get("runId")
    if run_id is not None:
        return PredictRequest(operation_id=_text(run_id))
    if unknown := [name for name in document if name not in FIELDS]:
        raise InvalidRequest(_WRONG_FIELDS, list(map(_unknown_field, unknown[:MAX_LISTED])), len(unknown))
    try:
        return PredictRequest.model_validate(document)
    except ValidationError as error:
        raise InvalidRequest(_WRONG_FIELDS, list(map(_field_error, error.errors()))) from error


def _text(run_id: object) -> str:
    if isinstance(run_id, str):
        return run_id
    message = "must be the runId of an answer (a string), or null for a new prediction"
    raise InvalidRequest(_WRONG_FIELDS, [FieldError(field="runId", message=message)])


def _unknown_field(name: str) -> FieldError:
    known = ", ".join(FIELDS)
    message = f"unknown field '{cut(name)}'; known are {known}{did_you_mean(name, FIELDS)}"
    return FieldError(field=cut(name), message=message)


def _field_error(error: ErrorDetails) -> FieldError:
    return FieldError(field=".".join(map(str, error["loc"])), message=_WORDS.get(error["type"], error["msg"]))


def validate(request: PredictRequest, catalog: Catalog, limits: RowSettings, body: bytes | None = None) -> ValidRequest:
    """With the body that the request was read from, also what parsing it has lost is refused.

    Raises UnknownModelType, or InvalidRequest with every offending field.
    """
    model_type, entry = catalog.find(_model_type(request, catalog))
    given = request.model_parameters or {}
    parameters, errors = canonical_parameters(entry.parameters, given)
    rows = _rows(request.prediction_parameters, limits, errors, body or b"")
    if body is not None:
        refuse_losses(body, _colons_in(body, rows), rows.colons + _colons_beside_rows(request))
    return ValidRequest(model_type, entry, parameters, training_key(model_type, parameters), rows.value, rows.json)


def _model_type(request: PredictRequest, catalog: Catalog) -> str:
    if request.model_type is not None:
        return request.model_type
    known = ", ".join(sorted(catalog.models))
    raise InvalidRequest(_WRONG_FIELDS, [FieldError(field="modelType", message=f"is required; one of {known}")])


def _rows(given: Any, limits: RowSettings, errors: list[FieldError], body: bytes) -> Rows:
    """Raises InvalidRequest with the errors in the rows behind those that are there."""
    total = len(errors)
    try:
        rows = checked_rows(given, limits, body)
    except WrongRows as wrong:
        total += wrong.total
        errors = errors + [FieldError(field="predictionParameters", message=mistake) for mistake in wrong.mistakes]
    if errors:
        raise InvalidRequest(_WRONG_FIELDS, errors, total)
    return rows


def _colons_in(body: bytes, rows: Rows) -> int:
    return body.count(b":") if rows.start is None else body.count(b":", 0, rows.start) + rows.colons


def _colons_beside_rows(request: PredictRequest) -> int:
    """The colons in the JSON of all but the rows: one a field, and those inside of the fields."""
    texts = orjson.dumps([request.model_type, request.model_parameters])
    return len(request.model_fields_set) + texts.count(b":")


def canonical_run_id(run_id: str) -> str | None:
    """The id as answers have it: 32 hexadecimal digits, however they are spelt; None if it cannot be one."""
    text = run_id.lower()
    return text.replace("-", "") if _RUN_ID.fullmatch(text) else None


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


def body_digest(prediction: ValidRequest) -> str:
    """What makes two requests the same one: training key and rows, however they were spelt."""
    rows = orjson.dumps(prediction.rows, option=orjson.OPT_SORT_KEYS)
    return hashlib.sha256(prediction.key.encode() + rows).hexdigest()


def traceparent_of(headers: Mapping[str, str]) -> str | None:
    """The W3C trace context of the request, if it is well formed."""
    value = headers.get("traceparent", "").strip()
    return value if _TRACEPARENT.match(value) else None
