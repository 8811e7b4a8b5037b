"""Between Starlette's requests and responses and those of ``azure.functions``, through its own converters."""

from http.cookies import SimpleCookie
from typing import Any, cast

import azure.functions as func
from azure.functions.http import HttpRequestConverter, HttpResponseConverter
from azure.functions.meta import Datum
from starlette.requests import Request
from starlette.responses import Response


def to_function_request(request: Request, body: bytes, route_parameters: dict[str, str]) -> func.HttpRequest:
    """Build the request object: as in Azure, the body is bytes and repeated headers or query keys are joined."""
    value = {
        "method": _string(request.method),
        "url": _string(_url(request)),
        "headers": {name: _string(",".join(request.headers.getlist(name))) for name in request.headers},
        "query": {name: _string(",".join(request.query_params.getlist(name))) for name in request.query_params},
        "params": {name: _string(parameter) for name, parameter in route_parameters.items()},
        "body": Datum(body, "bytes"),
    }
    return cast(func.HttpRequest, HttpRequestConverter.decode(Datum(value, "http"), trigger_metadata=None))


def to_response(result: object) -> Response:
    """Make a response of an HTTP function's result (``HttpResponse``, ``str`` or None); TypeError for others."""
    if result is None:
        return Response(status_code=204)
    try:
        datum = HttpResponseConverter.encode(result, expected_type=None)
    except NotImplementedError:
        raise TypeError(f"an HTTP function returned {type(result).__name__}, not HttpResponse or str") from None
    if datum.type == "string":
        return Response(datum.value, media_type="text/plain")
    return _from_http_datum(datum.value)


def _from_http_datum(value: dict[str, Any]) -> Response:
    headers = {name: datum.value for name, datum in value["headers"].items()}
    response = Response(value["body"].value, int(value["status_code"].value), headers)
    cookies: list[SimpleCookie] = value["cookies"] or []
    for cookie in cookies:
        for morsel in cookie.values():
            response.headers.append("set-cookie", morsel.OutputString())
    return response


def _url(request: Request) -> str:
    """The URL as the client sent it; Starlette's has the path unquoted."""
    query = request.url.query
    path = request.scope["raw_path"].decode("ascii")
    return f"{request.url.scheme}://{request.url.netloc}{path}" + (f"?{query}" if query else "")


def _string(value: str) -> Datum:
    return Datum(value, "string")
