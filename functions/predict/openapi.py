"""``GET /openapi.json``, made from the models that the code validates with."""

from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from functions.catalog import Catalog
from functions.contracts import Operation, PredictRequest
from functions.errors import Problem

_PREFER = {
    "name": "Prefer",
    "in": "header",
    "schema": {"type": "string"},
    "description": "`wait=N`: wait up to N seconds (0 to 60) for the outcome; `respond-async`: none (RFC 7240).",
    "example": "wait=30",
}
_IDEMPOTENCY_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "schema": {"type": "string", "maxLength": 255},
    "description": "The same key with the same request is the same operation.",
}
_RUN_ID = {
    "name": "runId",
    "in": "path",
    "required": True,
    "schema": {"type": "string"},
    "description": "In any case, with or without the dashes of a UUID.",
}
_ROW = {"type": "object", "minProperties": 1}
_KINDS_OF_REQUEST = [
    {"title": "A poll", "required": ["runId"], "properties": {"runId": {"type": "string"}}},
    {
        "title": "A prediction",
        "required": ["modelType", "predictionParameters"],
        "properties": {
            "runId": {"type": "null"},
            "modelType": {"type": "string"},
            "predictionParameters": {"anyOf": [_ROW, {"type": "array", "minItems": 1, "items": _ROW}]},
        },
    },
]
_RETRY_AFTER = {"Retry-After": {"schema": {"type": "integer"}, "description": "Seconds"}}
_ACCEPTED = _RETRY_AFTER | {
    "Location": {"schema": {"type": "string"}, "description": "Where to poll"},
    "Preference-Applied": {"schema": {"type": "string"}, "description": "The part of Prefer that was applied"},
}
_NO_KEY = {"401": {"description": "No function key, or a wrong one: the host's own answer"}}


def openapi(catalog: Catalog, version: str) -> dict[str, Any]:
    """The document as of OpenAPI 3.1."""
    kinds: list[tuple[type[BaseModel], Any]] = [
        (PredictRequest, "validation"),
        (Operation, "serialization"),
        (Problem, "serialization"),
    ]
    _, definitions = models_json_schema(kinds, by_alias=True, ref_template="#/components/schemas/{model}")
    schemas = definitions["$defs"]
    schemas["PredictRequest"]["properties"]["modelType"]["examples"] = sorted(catalog.models)
    schemas["PredictRequest"]["anyOf"] = _KINDS_OF_REQUEST
    model_type = {"name": "type", "in": "path", "required": True, "schema": {"type": "string"}}
    return {
        "openapi": "3.1.0",
        "info": {"title": "mlflow-ondemand", "version": version, "license": {"name": "MIT", "identifier": "MIT"}},
        "paths": {
            "/predict": {"post": _post_predict(catalog)},
            "/predict/{runId}": {"get": _get_operation()},
            "/models": {"get": _plain("listModels", "The catalog and the trained models", problems=(429, 503))},
            "/models/{type}": {
                "get": _plain("getModel", "One model type", [model_type | _first(catalog)], problems=(404, 429, 503))
            },
            "/health/live": {"get": _plain("live", "The process runs", problems=(503,), anonymous=True)},
            "/health/ready": {"get": _plain("ready", "The function can work", problems=(503,), anonymous=True)},
        },
        "components": {"schemas": schemas},
    }


def _first(catalog: Catalog) -> dict[str, str]:
    return {"example": min(catalog.models)}


def _examples(catalog: Catalog) -> dict[str, Any]:
    """A request for each type that has an example."""
    return {
        name: {"value": {"runId": None, "modelType": name} | entry.example.model_dump(by_alias=True)}
        for name, entry in catalog.models.items()
        if entry.example is not None
    }


def _post_predict(catalog: Catalog) -> dict[str, Any]:
    body = {"schema": {"$ref": "#/components/schemas/PredictRequest"}, "examples": _examples(catalog)}
    refused = {
        400: "Malformed",
        404: "Unknown model type or run",
        411: "A body in chunks; send Content-Length",
        413: "Too large",
        415: "Not JSON",
        422: "Wrong fields, or rows that the model refuses; the first 20 are listed",
        429: "Full; see Retry-After",
        500: "The model failed",
        502: "The training failed",
        503: "The bus or the operation store cannot be reached; no run was promised, send it again",
    }
    return {
        "operationId": "predict",
        "summary": "Predict with a model that is trained first if need be",
        "parameters": [_PREFER, _IDEMPOTENCY_KEY],
        "requestBody": {"required": True, "content": {"application/json": body}},
        "responses": {
            "200": _operation("The outcome"),
            "202": _operation("Accepted; poll Location", _ACCEPTED),
            **_NO_KEY,
            **{str(status): _refusal(status, text) for status, text in refused.items()},
        },
    }


def _get_operation() -> dict[str, Any]:
    return {
        "operationId": "getOperation",
        "summary": "How an operation stands",
        "parameters": [_RUN_ID, _PREFER],
        "responses": {
            "200": _operation("Finished, well or not: see status"),
            "202": _operation("Not finished yet", _ACCEPTED),
            **_NO_KEY,
            "404": _operation("Unknown or expired"),
            "429": _refusal(429, "Full; see Retry-After"),
            "503": _refusal(503, "The operation store cannot be reached; ask again"),
        },
    }


def _operation(description: str, headers: dict[str, Any] | None = None) -> dict[str, Any]:
    schema = {"$ref": "#/components/schemas/Operation"}
    return {"description": description, "headers": headers or {}, "content": {"application/json": {"schema": schema}}}


def _refusal(status: int, description: str) -> dict[str, Any]:
    return _operation(description, _RETRY_AFTER if status in (429, 503) else None)


def _plain(
    operation_id: str,
    summary: str,
    parameters: list[dict[str, Any]] | None = None,
    problems: tuple[int, ...] = (),
    anonymous: bool = False,
) -> dict[str, Any]:
    schema = {"$ref": "#/components/schemas/Problem"}
    problem = {"description": "Problem details", "content": {"application/problem+json": {"schema": schema}}}
    ok = {"200": {"description": "OK", "content": {"application/json": {}}}}
    responses = ok | ({} if anonymous else _NO_KEY) | {str(status): problem for status in problems}
    return {"operationId": operation_id, "summary": summary, "parameters": parameters or [], "responses": responses}
