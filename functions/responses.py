"""HTTP responses."""

from collections.abc import Mapping

import azure.functions as func
import orjson

from functions.errors import OnDemandError


def json_response(document: object) -> func.HttpResponse:
    return func.HttpResponse(orjson.dumps(document), mimetype="application/json")


def problem_response(error: OnDemandError, headers: Mapping[str, str] | None = None) -> func.HttpResponse:
    """The error as problem details (RFC 9457)."""
    return func.HttpResponse(
        orjson.dumps(error.problem().model_dump(mode="json", by_alias=True)),
        status_code=error.status,
        headers=dict(headers or {}),
        mimetype="application/problem+json",
    )
