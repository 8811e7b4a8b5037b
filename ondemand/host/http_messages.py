"""Between Starlette's requests and responses and those of ``azure.functions``, through its own converters."""

from http.cookies import SimpleCookie
from typing import Any, cast

import azure.functions as func
from azure.functions.http import HttpRequestConverter, HttpResponseConverter
from azure.functions.meta import Datum
from starlette.requests import Request
from starlette.responses import Response

from ondemand.host.paths import encoded


def to_function_request(request: Request, path: str, body: bytes, route_parameters: dict[str, str]) -> func.HttpRequest:
    """Build the request object from a request with the decoded *path*.

    As in Azure, the body is bytes, repeated headers or query keys are joined, and a query key without a value is
    missing.
    """
    value = {
        "method": _string(request.method),
        "url": _string(_url(request, path)),
        "headers": {name: _string(",".join(request.headers.getlist(name))) for name in request.headers},
        "query": {name: _string(value) for name, value in _query(request).items() if value},
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


def in_chunks(request: Request, response: Response) -> Response:
    """The response of a function without a Content-Length of the host's own, for which HTTP/1.0 has no other way."""
    if response.body and request.scope["http_version"] != "1.0":
        del response.headers["content-length"]
    return response


def _query(request: Request) -> dict[str, str]:
    return {name: ",".join(request.query_params.getlist(name)) for name in request.query_params}


def _url(request: Request, path: str) -> str:
    query = request.scope["query_string"].decode("ascii")
    host = request.headers.get("host", "")
    return f"{request.scope['scheme']}://{host}{encoded(path)}" + (f"?{query}" if query else "")


def _string(value: str) -> Datum:
    return Datum(value, "string")
