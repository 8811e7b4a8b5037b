"""What a worker is asked: a function of the app, the argument of its trigger, and what the host knows about it."""

import uuid

from ondemand.host.worker.protos import InvocationRequest, ParameterBinding, RpcHttp, RpcTraceContext, TypedData

TRACE = RpcTraceContext("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "vendor=1", {"tag": "x"})
NONE = TypedData(json="{}")
PLAIN = {"UserProperties": NONE, "ApplicationProperties": NONE, "MessageId": TypedData(string="m")}


def http(function: str, body: TypedData | None = None, **fields: object) -> InvocationRequest:
    request = RpcHttp(method="POST", url="http://127.0.0.1/x?a=1", body=body or TypedData())
    for name, value in fields.items():
        setattr(request, name, value)
    return _request(function, "req", TypedData(http=request), {})


def message(data: TypedData, function: str = "work", **metadata: TypedData) -> InvocationRequest:
    return _request(function, "message", data, PLAIN | metadata)


def time(text: str) -> InvocationRequest:
    quoted = TypedData(json=f'"{text}"')
    return message(TypedData(string=""), EnqueuedTimeUtc=quoted, ExpiresAtUtc=TypedData(string=text))


def _request(function: str, argument: str, data: TypedData, metadata: dict[str, TypedData]) -> InvocationRequest:
    """A function has the id that the runtime gives it."""
    function_id = str(uuid.uuid5(uuid.NAMESPACE_OID, function))
    return InvocationRequest("an-id", function_id, [ParameterBinding(argument, data)], metadata, TRACE)


CASES = {
    "http": http("echo", TypedData(bytes=b'{"a": 1}\xff'), headers={"X-Test": "1,2", "host": "x"},
                 query={"a": "1", "B": "2"}, params={"name": "a b"}),
    "http without a body": http("echo"),
    "http text": http("echo", TypedData(string="grüße")),
    "http json": http("read_json", TypedData(bytes=b'{"a": [1, null]}')),
    "http no json": http("read_json", TypedData(bytes=b"{")),
    "http json of nothing": http("read_json"),
    "http answers text": http("text"),
    "http answers bytes": http("answer_bytes"),
    "http answers nothing": http("empty"),
    "http answers with cookies": http("cookies"),
    "http answers with a cookie of no time": http("odd_cookie"),
    "http returns None": http("nothing"),
    "http returns a list": http("a_list"),
    "context": http("context_of_coroutine"),
    "context in a thread": http("context_of_thread"),
    "raises": http("boom"),
    "raises in a thread": http("boom_in_thread"),
    "raises without a text": http("no_text"),
    "http from no request": _request("text", "req", TypedData(string="x"), {}),
    "string": message(TypedData(string="grüße")),
    "empty string": message(TypedData(string="")),
    "bytes": message(TypedData(bytes=b"\xff")),
    "json": message(TypedData(json='{"a": 1}')),
    "null": message(TypedData()),
    "integer": message(TypedData(int=1)),
    "returns": message(TypedData(string="x"), "returns"),
    "without user properties": _request("work", "message", TypedData(string="x"), {"MessageId": TypedData(string="m")}),
    "without metadata": _request("work", "message", TypedData(string="x"), {}),
    "user properties that are none": message(TypedData(string="x"), UserProperties=TypedData(string="1")),
    "properties": message(
        TypedData(string="x"),
        UserProperties=TypedData(json='{"text": "a", "number": 7, "none": null, "list": [1]}'),
        ApplicationProperties=TypedData(json='{"DeadLetterReason": "r"}'),
        DeliveryCount=TypedData(json="3"), SequenceNumber=TypedData(json="9223372036854775807"),
        CorrelationId=TypedData(string="c"), SessionId=TypedData(string="s"), Label=TypedData(string="l"),
        LockToken=TypedData(string="t"), DeadLetterSource=TypedData(string="d"), ReplyTo=TypedData(string="r"),
    ),
    "no number": message(TypedData(string="x"), DeliveryCount=TypedData(string="many")),
    **{
        f"time {text}": time(text)
        for text in (
            "2026-11-26T21:00:22.776", "2026-11-26T21:00:22.776+00:00", "2026-11-26T21:00:22.776-00:00",
            "2026-11-26T21:00:22Z", "2026-11-26T21:00:22", "9999-12-31T23:59:59.9999999",
            "9999-12-31T23:59:59.9999999+00:00", "11/26/2026 21:00:22", "2026-11-26T21:00:22+02:00", "20261126", "",
            "today",
        )
    },
}  # fmt: skip
