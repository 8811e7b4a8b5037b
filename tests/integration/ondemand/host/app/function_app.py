"""A function app for the tests of the host: it tells over HTTP what its functions were given."""

import asyncio
import json
import threading
import time
from typing import Any

import azure.functions as func

app = func.FunctionApp(http_auth_level=func.AuthLevel.FUNCTION)
seen: dict[str, list[dict[str, Any]]] = {"work": [], "dead": [], "short-lock": [], "conversations": [], "slow": []}
running = 0
gate = asyncio.Event()

PROPERTIES = (
    *("message_id", "session_id", "correlation_id", "content_type", "subject", "to", "reply_to"),
    *("reply_to_session_id", "delivery_count", "sequence_number", "application_properties", "dead_letter_reason"),
)


def note(queue: str, message: func.ServiceBusMessage) -> dict[str, Any]:
    properties = {name: getattr(message, name) for name in PROPERTIES}
    times = {"enqueued": str(message.enqueued_time_utc), "expires": str(message.expires_at_utc)}
    noted = {"body": message.get_body().decode(), **properties, **times}
    seen[queue].append(noted)
    return noted


@app.route("echo/{name}", methods=["GET", "POST"])
async def echo(req: func.HttpRequest) -> func.HttpResponse:
    told = {
        "method": req.method,
        "url": req.url,
        "params": dict(req.params),
        "route": dict(req.route_params),
        "header": req.headers.get("X-Test"),
        "body": req.get_body().decode(),
    }
    headers = {"X-Answer": "yes", "Set-Cookie": "a=b; Path=/"}
    return func.HttpResponse(json.dumps(told), status_code=203, headers=headers, mimetype="application/json")


@app.route("plain")
def plain(req: func.HttpRequest, context: func.Context) -> str:
    return f"{context.function_name} {context.trace_context.trace_parent}"


@app.route("boom")
async def boom(req: func.HttpRequest) -> func.HttpResponse:
    raise ValueError("a secret")


@app.route("status/{code}")
async def with_status(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse(status_code=int(req.route_params["code"]))


@app.route("any")
async def any_method(req: func.HttpRequest) -> str:
    return str(req.method)


@app.route("open", auth_level=func.AuthLevel.ANONYMOUS)
async def open_to_all(req: func.HttpRequest) -> str:
    return "open"


@app.route("nothing")
async def nothing(req: func.HttpRequest):  # type: ignore[no-untyped-def]  # None is refused as an annotation
    return None


@app.route("slow/{seconds}")
async def slow(req: func.HttpRequest) -> str:
    seconds = req.route_params["seconds"]
    seen["slow"].append({"begins": seconds})
    await (gate.wait() if seconds == "gate" else asyncio.sleep(float(seconds)))
    seen["slow"].append({"ends": seconds})
    return "done"


@app.route("hang")
def hang(req: func.HttpRequest) -> str:
    seen["slow"].append({"begins": "hang"})
    threading.Event().wait()
    return "never"


@app.route("block")
async def block(req: func.HttpRequest) -> str:
    threading.Event().wait()  # in the event loop
    return "never"


@app.route("gate/{state}", methods=["POST"], auth_level=func.AuthLevel.ANONYMOUS)
async def set_gate(req: func.HttpRequest) -> str:
    state = str(req.route_params["state"])
    if state == "open":
        gate.set()
    else:
        gate.clear()
    return state


@app.route("seen/{queue}", auth_level=func.AuthLevel.ANONYMOUS)
async def tell(req: func.HttpRequest) -> func.HttpResponse:
    told = {"running": running, "messages": seen[req.route_params["queue"]]}
    return func.HttpResponse(json.dumps(told), mimetype="application/json")


@app.service_bus_queue_trigger(arg_name="message", queue_name="%WORK_QUEUE%", connection="BUS")
async def work(message: func.ServiceBusMessage) -> None:
    global running
    noted = note("work", message)
    running += 1
    try:
        if noted["body"] == "wait" or (noted["body"] == "wait once" and noted["delivery_count"] == 1):
            await gate.wait()
        if noted["body"].startswith("fail"):
            raise ValueError("as asked")
    finally:
        running -= 1


@app.service_bus_queue_trigger(arg_name="message", queue_name="work/$DeadLetterQueue", connection="BUS")
def dead(message: func.ServiceBusMessage) -> None:
    noted = note("dead", message)
    noted["seen"] = time.monotonic()
    if noted["body"] == "fail twice more" and len(seen["dead"]) < 3:
        raise ValueError("as asked")


@app.service_bus_queue_trigger(arg_name="message", queue_name="short-lock", connection="BUS")
async def outlive_lock(message: func.ServiceBusMessage) -> None:
    note("short-lock", message)
    await asyncio.sleep(float(message.get_body()))


@app.service_bus_queue_trigger(
    arg_name="message", queue_name="conversations", connection="BUS", is_sessions_enabled=True
)
async def conversation(message: func.ServiceBusMessage) -> None:
    note("conversations", message)


@app.timer_trigger(arg_name="timer", schedule="0 0 * * * *")
async def never_started(timer: func.TimerRequest) -> None:
    """Indexed, and not supported by the local host."""
