"""A function app whose functions tell what a worker gave them."""

import asyncio
import json
import threading
from typing import Any

import azure.functions as func

app = func.FunctionApp()
told: list[dict[str, Any]] = []
began = asyncio.Event()

PROPERTIES = (
    *("application_properties", "content_type", "correlation_id", "dead_letter_error_description"),
    *("dead_letter_reason", "dead_letter_source", "delivery_count", "enqueued_sequence_number", "enqueued_time_utc"),
    *("expires_at_utc", "label", "locked_until", "lock_token", "message_id", "metadata", "partition_key", "reply_to"),
    *("reply_to_session_id", "scheduled_enqueue_time_utc", "sequence_number", "session_id", "state", "subject"),
    *("time_to_live", "to", "transaction_partition_key", "user_properties"),
)


def describe(context: Any) -> dict[str, Any]:
    """By attribute: the runtime's context is no subclass of ``func.Context``."""
    trace, retry = context.trace_context, context.retry_context
    return {
        "function": context.function_name,
        "directory": context.function_directory,
        "invocation": context.invocation_id,
        "trace": [trace.trace_parent, trace.trace_state, trace.attributes],
        "retries": [retry.retry_count, retry.max_retry_count],
        "thread": context.thread_local_storage.invocation_id,
        "main": threading.current_thread() is threading.main_thread(),
    }


@app.route("echo/{name}", methods=["GET", "POST"])
async def echo(req: func.HttpRequest) -> func.HttpResponse:
    answer = {
        "method": req.method,
        "url": req.url,
        "headers": dict(req.headers),
        "params": dict(req.params),
        "route": dict(req.route_params),
        "body": req.get_body().hex(),
    }
    return func.HttpResponse(json.dumps(answer), status_code=201, mimetype="application/json")


@app.route("json")
async def read_json(req: func.HttpRequest) -> str:
    return repr(req.get_json())


@app.route("text")
async def text(req: func.HttpRequest) -> str:
    return "grüße"


@app.route("bytes")
async def answer_bytes(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse(b"\xff", headers={"X-Answer": "yes"})


@app.route("empty")
async def empty(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse(status_code=204)


@app.route("cookies")
async def cookies(req: func.HttpRequest) -> func.HttpResponse:
    response = func.HttpResponse()
    response.headers.add("Set-Cookie", "a=b; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=60")
    response.headers.add("Set-Cookie", "c=d; Domain=x.org; Expires=Wed, 21 Oct 2026 07:28:00 GMT; SameSite=None")
    return response


@app.route("odd_cookie")
async def odd_cookie(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse(headers={"Set-Cookie": "a=b; Expires=tomorrow"})


@app.route("nothing")
async def nothing(req: func.HttpRequest):  # type: ignore[no-untyped-def]  # None is refused as an annotation
    return None


@app.route("a_list")
async def a_list(req: func.HttpRequest):  # type: ignore[no-untyped-def]
    return [1]


@app.route("context")
async def context_of_coroutine(req: func.HttpRequest, context: func.Context) -> str:
    return json.dumps(describe(context))


@app.route("thread")
def context_of_thread(req: func.HttpRequest, context: func.Context) -> str:
    return json.dumps(describe(context))


@app.route("boom")
async def boom(req: func.HttpRequest) -> str:
    try:
        raise KeyError("first")
    except KeyError as error:
        raise ValueError("second") from error


@app.route("boom_in_thread")
def boom_in_thread(req: func.HttpRequest) -> str:
    raise ValueError("in a thread")


@app.route("forever")
async def forever(req: func.HttpRequest) -> str:
    began.set()
    await asyncio.Event().wait()
    return "never"


@app.route("no_text")
async def no_text(req: func.HttpRequest) -> str:
    class NoTextError(Exception):
        def __str__(self) -> str:
            raise RuntimeError

    raise NoTextError


@app.service_bus_queue_trigger(arg_name="message", queue_name="work", connection="BUS")
async def work(message: func.ServiceBusMessage) -> None:
    told.append({"body": repr(message.get_body()), **{name: repr(getattr(message, name)) for name in PROPERTIES}})


@app.service_bus_queue_trigger(arg_name="message", queue_name="work", connection="BUS")
async def returns(message: func.ServiceBusMessage) -> str:
    return "a value, and there is no binding for it"
