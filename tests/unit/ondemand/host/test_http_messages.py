import pytest
from starlette.requests import Request

from ondemand.host.http_messages import to_response, to_trigger_input
from ondemand.host.worker.protos import (
    NullableBool,
    NullableDouble,
    NullableString,
    NullableTimestamp,
    RpcHttp,
    RpcHttpCookie,
    RpcTraceContext,
    Timestamp,
    TypedData,
)


def request(*headers: tuple[str, str], query: str = "") -> Request:
    return Request(
        {
            "type": "http",
            "method": "POST",
            "scheme": "http",
            "path": "/api/a b",
            "raw_path": b"/api/a%20b",
            "query_string": query.encode(),
            "headers": [(name.lower().encode(), value.encode()) for name, value in headers],
            "server": ("127.0.0.1", 80),
        }
    )


def http(of: Request, body: bytes = b"") -> RpcHttp:
    given: RpcHttp = to_trigger_input(of, "/api/a b", body, {"name": "a b"}).data.http
    return given


def test_request_is_as_sent() -> None:
    given = http(request(("Host", "x:1"), query="a=1&b=%20"), b"\xff")
    assert (given.method, given.url) == ("POST", "http://x:1/api/a%20b?a=1&b=%20")
    assert given.params == {"name": "a b"}
    assert given.body == TypedData(bytes=b"\xff")


def test_no_body_is_no_value() -> None:
    assert http(request()).body == TypedData()


def test_what_is_repeated_is_joined_and_what_is_empty_left_out_of_the_query() -> None:
    given = http(request(("X-A", "1"), ("x-a", "2"), ("Empty", ""), query="a=1&A=2&b=&c"))
    assert given.headers == {"x-a": "1,2", "empty": ""}
    assert given.query == {"a": "1,2"}


def test_trace_is_in_the_headers() -> None:
    trace = to_trigger_input(request(("traceparent", "00-1"), ("tracestate", "v=1")), "/", b"", {}).trace
    assert trace == RpcTraceContext("00-1", "v=1")


def test_text_is_plain_text() -> None:
    response = to_response(TypedData(string="grüße"))
    assert (response.status_code, response.body) == (200, "grüße".encode())
    assert response.headers["content-type"] == "text/plain; charset=utf-8"


def test_answer_has_its_status_headers_and_body() -> None:
    answer = RpcHttp(status_code="203", headers={"content-type": "a/b", "x": "y"}, body=TypedData(bytes=b"\xff"))
    response = to_response(TypedData(http=answer))
    assert (response.status_code, response.body) == (203, b"\xff")
    assert (response.headers["content-type"], response.headers["x"]) == ("a/b", "y")


@pytest.mark.parametrize(
    ("cookie", "written"),
    [
        (RpcHttpCookie("a", "b c"), "a=b%20c"),
        (RpcHttpCookie("a", "b", NullableString(""), NullableString("/")), "a=b; path=/"),
        (
            RpcHttpCookie(
                *("a", "b", NullableString("x.org"), NullableString("/p"), NullableTimestamp(Timestamp(0))),
                *(NullableBool(True), NullableBool(True), RpcHttpCookie.SameSite.Strict, NullableDouble(60.0)),
            ),
            "a=b; expires=Thu, 01 Jan 1970 00:00:00 GMT; max-age=60; domain=x.org; path=/p; secure; samesite=strict;"
            " httponly",
        ),
        (RpcHttpCookie("a", "b", secure=NullableBool(False), http_only=NullableBool(False)), "a=b"),
    ],
)
def test_cookie_is_written_as_by_asp_net(cookie: RpcHttpCookie, written: str) -> None:
    assert to_response(TypedData(http=RpcHttp(status_code="200", body=TypedData(bytes=b""), cookies=[cookie]))).headers[
        "set-cookie"
    ] == (written)


def test_no_value_is_no_content() -> None:
    assert to_response(None).status_code == 204
