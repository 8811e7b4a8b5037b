"""The functions of the predict app: the HTTP API, the adoption of orphaned results, and the dead letters."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import cache

import azure.functions as func

from functions import __version__, telemetry
from functions.bus import Bus
from functions.bus_time import bus_time
from functions.catalog import catalog
from functions.contracts import UnknownVersion, events_in
from functions.deployments import dead_letter_function
from functions.errors import OnDemandError
from functions.health import opens
from functions.operations import Operations, open_store
from functions.predict.audit import AuditLine
from functions.predict.body import received_body
from functions.predict.caller import Callers
from functions.predict.dead_letters import DeadLetters
from functions.predict.failed import Failed
from functions.predict.inbox import OPEN_TIMEOUT_S, Inbox
from functions.predict.models import Models
from functions.predict.openapi import openapi
from functions.predict.prefer import MAX_WAIT_S, preferred_wait
from functions.predict.results import Results
from functions.predict.secret import Secret
from functions.predict.service import Answer, PredictService, refusal, retry_after
from functions.queues import RESULTS, TRAIN, dead_letters
from functions.responses import json_response, problem_response
from functions.settings import SERVICEBUS, BusSettings, ModelsSettings, PredictSettings, StoreSettings, load
from functions.time_limits import HANDLER_LIMIT_S, STORE_CALL_S, check_time_limits, limited

blueprint = func.Blueprint()


@dataclass(frozen=True)
class App:
    """The parts of the predict app."""

    bus: Bus
    inbox: Inbox
    results: Results
    service: PredictService
    models: Models
    secret: Secret
    callers: Callers
    dead_letters: DeadLetters


def time_limits(bus: BusSettings) -> dict[str, float]:
    """Of one request."""
    return {
        "Prefer: wait": MAX_WAIT_S,
        "opening the inbox": OPEN_TIMEOUT_S,
        "calls of the operation store": 10 * STORE_CALL_S,
        "SEND_TIMEOUT_S twice": 2 * bus.send_timeout_s,
    }


def dead_letter_time_limits(bus: BusSettings) -> dict[str, float]:
    """Of one dead letter, or one orphan."""
    return {"answering its clients": HANDLER_LIMIT_S, "SEND_TIMEOUT_S twice": 2 * bus.send_timeout_s}


@cache
def app() -> App:
    """Built at the first call: importing this module must need neither settings nor a running event loop."""
    settings = load(PredictSettings)
    check_time_limits(time_limits(load(BusSettings)))
    check_time_limits(dead_letter_time_limits(load(BusSettings)))
    bus = Bus(load(BusSettings))
    bus.prepare(*catalog().run_model_queues)
    operations = Operations(open_store(load(StoreSettings).operations_url))
    results = Results(operations, bus, settings.max_waiting, settings.max_pending, settings.queue_timeout_s)
    inbox = Inbox(bus.client, results)
    secret = Secret(operations, settings.idempotency_secret)
    return App(
        bus,
        inbox,
        results,
        PredictService(settings, catalog(), bus, operations, results, secret, inbox.session_id),
        Models(catalog(), load(ModelsSettings)),
        secret,
        Callers(secret, settings.trust_client_principal),
        DeadLetters(bus, results, Failed(bus.client, bus.settings)),
    )


@opens("predict")
async def open_predict() -> None:
    """Open senders and inbox and read the secret, so that no client waits for them. Raises Unavailable."""
    await asyncio.gather(app().bus.open(*catalog().run_model_queues), app().inbox.session_id(), app().secret.keep())


async def _operation(req: func.HttpRequest, route: str, call: Callable[[str], Awaitable[Answer]]) -> func.HttpResponse:
    """``/predict`` has one body for every status: an OnDemandError becomes an operation in the status `error`."""
    with telemetry.active.request(req.method, route, req.headers) as request, AuditLine(req.method, route) as line:
        try:
            line.caller = await app().callers.name(req.headers, req.params)
            answer = await call(line.caller)
        except OnDemandError as error:
            answer = refusal(error)
        operation = answer.operation
        request.answered(answer.status, operation)
        line.status, line.operation_id, line.model_type = answer.status, operation.operation_id, operation.model_type
        return func.HttpResponse(
            operation.to_json(), status_code=answer.status, headers=answer.headers, mimetype="application/json"
        )


async def _document(req: func.HttpRequest, route: str, call: Callable[[], Awaitable[object]]) -> func.HttpResponse:
    """A JSON document; an OnDemandError becomes problem details (RFC 9457)."""
    with telemetry.active.request(req.method, route, req.headers) as request, AuditLine(req.method, route) as line:
        try:
            line.caller = await app().callers.name(req.headers, req.params)
            with app().service.reading.hold(line.caller):
                response = json_response(await call())
        except OnDemandError as error:
            request.outcome = error.slug
            response = problem_response(error, retry_after(error))
        line.status = response.status_code
        request.answered(response.status_code)
        return response


@blueprint.function_name("predict")
@blueprint.route(route="predict", methods=["POST"], auth_level=func.AuthLevel.FUNCTION)
async def predict(req: func.HttpRequest) -> func.HttpResponse:
    def post(caller: str) -> Awaitable[Answer]:
        return app().service.post(caller, req.headers, received_body(req.headers, req.get_body()))

    return await _operation(req, "/predict", post)


@blueprint.function_name("operation")
@blueprint.route(route="predict/{runId}", methods=["GET"], auth_level=func.AuthLevel.FUNCTION)
async def operation(req: func.HttpRequest) -> func.HttpResponse:
    run_id, wait = req.route_params["runId"], preferred_wait(req.headers.get("prefer"))
    return await _operation(req, "/predict/{runId}", lambda caller: app().service.poll(caller, run_id, wait))


@blueprint.function_name("models")
@blueprint.route(route="models", methods=["GET"], auth_level=func.AuthLevel.FUNCTION)
async def models(req: func.HttpRequest) -> func.HttpResponse:
    return await _document(req, "/models", app().models.all)


@blueprint.function_name("model")
@blueprint.route(route="models/{type}", methods=["GET"], auth_level=func.AuthLevel.FUNCTION)
async def model(req: func.HttpRequest) -> func.HttpResponse:
    return await _document(req, "/models/{type}", lambda: app().models.get(req.route_params["type"]))


@blueprint.function_name("openapi")
@blueprint.route(route="openapi.json", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
async def openapi_document(req: func.HttpRequest) -> func.HttpResponse:
    return json_response(openapi(catalog(), __version__))


@blueprint.function_name("adopt_results")
@blueprint.service_bus_queue_trigger(
    arg_name="message",
    queue_name=RESULTS,
    connection=SERVICEBUS,
    is_sessions_enabled=True,
    data_type=func.DataType.BINARY,
)
async def adopt_results(message: func.ServiceBusMessage) -> None:
    """Live instances lock their sessions, so the next available session belonged to a dead instance."""
    bus_time.observe(message.enqueued_time_utc)
    body = message.get_body()
    try:
        events_in(body)
    except UnknownVersion as unknown:
        if await app().results.put_off(message, body, unknown):
            return
    except ValueError:
        pass  # it ends its operation in an error, as a dead letter does
    async with limited():
        await app().dead_letters.event(message)


def _dead_letter_trigger(queue: str) -> None:
    async def answer(message: func.ServiceBusMessage) -> None:
        async with limited():
            if queue == RESULTS:
                await app().dead_letters.event(message)
            else:
                await app().dead_letters.command(message, queue)

    trigger = blueprint.service_bus_queue_trigger(
        arg_name="message", queue_name=dead_letters(queue), connection=SERVICEBUS, data_type=func.DataType.BINARY
    )
    blueprint.function_name(dead_letter_function(queue))(trigger(answer))


for _queue in (TRAIN, RESULTS, *catalog().run_model_queues):
    _dead_letter_trigger(_queue)
