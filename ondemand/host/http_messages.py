"""Between Starlette's requests and responses and the messages of the worker, as the official host makes them.

By its ``GrpcMessageConversionExtensions`` (names of headers are lower case, query keys have no case, what is empty in
the query is left out) and ``RawScriptResult``.
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from email.utils import format_datetime
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response

from ondemand.host.invocation import TriggerInput
from ondemand.host.paths import encoded
from ondemand.host.worker.protos import RpcHttp, RpcHttpCookie, RpcTraceContext, TypedData

_SAME_SITE = {
    RpcHttpCookie.SameSite.Lax: "lax",
    RpcHttpCookie.SameSite.Strict: "strict",
    RpcHttpCookie.SameSite.ExplicitNone: "none",
}


def to_trigger_input(request: Request, path: str, body: bytes, route_parameters: Mapping[str, str]) -> TriggerInput:
    """A request, its *path* decoded. The body is bytes; headers and query keys that are repeated are joined."""
    headers = _joined(request.headers.items())
    http = RpcHttp(
        method=request.method,
        url=_url(request, path),
        headers=headers,
        query=_query(request),
        params=route_parameters,
        body=TypedData(bytes=body) if body else TypedData(),
    )
    trace = RpcTraceContext(headers.get("traceparent", ""), headers.get("tracestate", ""))
    return TriggerInput(TypedData(http=http), trace)


def to_response(data: TypedData | None) -> Response:
    """The response that a function gave."""
    if data is None:
        return Response(status_code=204)
    if data.kind == "string":
        return Response(data.string, media_type="text/plain")
    http: RpcHttp = data.http
    response = Response(http.body.bytes, int(http.status_code), http.headers)
    for cookie in http.cookies or ():
        response.headers.append("set-cookie", _set_cookie(cookie))
    return response


def in_chunks(request: Request, response: Response) -> Response:
    """The response of a function without a Content-Length of the host's own, for which HTTP/1.0 has no other way."""
    if response.body and request.scope["http_version"] != "1.0":
        del response.headers["content-length"]
    return response


def _joined(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    joined: dict[str, str] = {}
    for name, value in pairs:
        joined[name] = f"{joined[name]},{value}" if name in joined else value
    return joined


def _query(request: Request) -> dict[str, str]:
    """Keys as they are spelt first."""
    spelt: dict[str, str] = {}
    pairs = ((spelt.setdefault(name.lower(), name), value) for name, value in request.query_params.multi_items())
    return {name: value for name, value in _joined(pairs).items() if value}


def _url(request: Request, path: str) -> str:
    query = request.scope["query_string"].decode("ascii")
    host = request.headers.get("host", "")
    return f"{request.scope['scheme']}://{host}{encoded(path)}" + (f"?{query}" if query else "")


def _set_cookie(cookie: RpcHttpCookie) -> str:
    """As ASP.NET Core writes it."""
    parts = [f"{cookie.name}={quote(cookie.value, safe='')}"]
    if cookie.expires:
        time = datetime.fromtimestamp(cookie.expires.value.seconds, UTC)
        parts.append(f"expires={format_datetime(time, usegmt=True)}")
    if cookie.max_age:
        parts.append(f"max-age={cookie.max_age.value:.0f}")
    if cookie.domain and cookie.domain.value:
        parts.append(f"domain={cookie.domain.value}")
    if cookie.path and cookie.path.value:
        parts.append(f"path={cookie.path.value}")
    if cookie.secure and cookie.secure.value:
        parts.append("secure")
    if cookie.same_site in _SAME_SITE:
        parts.append(f"samesite={_SAME_SITE[cookie.same_site]}")
    if cookie.http_only and cookie.http_only.value:
        parts.append("httponly")
    return "; ".join(parts)
