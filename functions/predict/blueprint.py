"""The functions of the predict app: the HTTP API, the adoption of orphaned results, and the dead letters."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import cache, wraps

import azure.functions as func

from functions import __version__
from functions.bus import Bus
from functions.catalog import catalog
from functions.contracts import events_in
from functions.deployments import dead_letter_function
from functions.errors import OnDemandError
from functions.health import opens
from functions.operations import Operations, open_store
from functions.predict.dead_letters import answer_dead_command, store_dead_event
from functions.predict.inbox import Inbox
from functions.predict.models import Models
from functions.predict.openapi import openapi
from functions.predict.prefer import preferred_wait
from functions.predict.results import Results
from functions.predict.service import Answer, PredictService, refusal, retry_after
from functions.queues import RESULTS, TRAIN, dead_letters
from functions.responses import json_response, problem_response
from functions.settings import SERVICEBUS, BusSettings, ModelsSettings, PredictSettings, StoreSettings, load

blueprint = func.Blueprint()
Handler = Callable[[func.HttpRequest], Awaitable[func.HttpResponse]]


@dataclass(frozen=True)
class App:
    """The parts of the predict app."""

    bus: Bus
    inbox: Inbox
    results: Results
    service: PredictService
    models: Models


@cache
def app() -> App:
    """Built at the first call: importing this module must need neither settings nor a running event loop."""
    settings = load(PredictSettings)
    bus = Bus(load(BusSettings))
    bus.prepare(*catalog().run_model_queues)
    operations = Operations(open_store(load(StoreSettings).operations_url))
    results = Results(operations, bus, settings.max_waiting)
    inbox = Inbox(bus.client, results)
    service = PredictService(settings, catalog(), bus, operations, results, inbox.session_id)
    return App(bus, inbox, results, service, Models(catalog(), load(ModelsSettings)))


@opens("predict")
async def open_predict() -> None:
    """Open senders and inbox, so that no client waits for them. Raises Unavailable."""
    await asyncio.gather(app().bus.open(*catalog().run_model_queues), app().inbox.session_id())


def operation_errors(handler: Handler) -> Handler:
    """An OnDemandError becomes an operation in the status `error`: ``/predict`` has one body for every status."""

    @wraps(handler)
    async def handle(req: func.HttpRequest) -> func.HttpResponse:
        try:
            return await handler(req)
        except OnDemandError as error:
            return _operation(refusal(error))

    return handle


def problem_errors(handler: Handler) -> Handler:
    """An OnDemandError becomes problem details (RFC 9457)."""

    @wraps(handler)
    async def handle(req: func.HttpRequest) -> func.HttpResponse:
        try:
            return await handler(req)
        except OnDemandError as error:
            return problem_response(error, retry_after(error))

    return handle


def _operation(answer: Answer) -> func.HttpResponse:
    return func.HttpResponse(
        answer.operation.to_json(), status_code=answer.status, headers=answer.headers, mimetype="application/json"
    )


@blueprint.function_name("predict")
@blueprint.route(route="predict", methods=["POST"], auth_level=func.AuthLevel.FUNCTION)
@operation_errors
async def predict(req: func.HttpRequest) -> func.HttpResponse:
    return _operation(await app().service.post(req.headers, req.get_body()))


@blueprint.function_name("operation")
@blueprint.route(route="predict/{runId}", methods=["GET"], auth_level=func.AuthLevel.FUNCTION)
@operation_errors
async def operation(req: func.HttpRequest) -> func.HttpResponse:
    return _operation(await app().service.poll(req.route_params["runId"], preferred_wait(req.headers.get("prefer"))))


@blueprint.function_name("models")
@blueprint.route(route="models", methods=["GET"], auth_level=func.AuthLevel.FUNCTION)
@problem_errors
async def models(req: func.HttpRequest) -> func.HttpResponse:
    return json_response(await app().models.all())


@blueprint.function_name("model")
@blueprint.route(route="models/{type}", methods=["GET"], auth_level=func.AuthLevel.FUNCTION)
@problem_errors
async def model(req: func.HttpRequest) -> func.HttpResponse:
    return json_response(await app().models.get(req.route_params["type"]))


@blueprint.function_name("openapi")
@blueprint.route(route="openapi.json", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
async def openapi_document(req: func.HttpRequest) -> func.HttpResponse:
    return json_response(openapi(catalog(), __version__))


@blueprint.function_name("adopt_results")
@blueprint.service_bus_queue_trigger(
    arg_name="message", queue_name=RESULTS, connection=SERVICEBUS, is_sessions_enabled=True
)
async def adopt_results(message: func.ServiceBusMessage) -> None:
    """Live instances lock their sessions, so the next available session belonged to a dead instance."""
    for event in events_in(message.get_body()):
        await app().results.deliver(event)


def _dead_letter_trigger(queue: str) -> Callable[[Callable[..., Awaitable[None]]], object]:
    def register(handler: Callable[..., Awaitable[None]]) -> object:
        trigger = blueprint.service_bus_queue_trigger(
            arg_name="message", queue_name=dead_letters(queue), connection=SERVICEBUS
        )
        return blueprint.function_name(dead_letter_function(queue))(trigger(handler))

    return register


async def dead_command(message: func.ServiceBusMessage) -> None:
    await answer_dead_command(message, app().bus)


for _queue in (TRAIN, *catalog().run_model_queues):
    _dead_letter_trigger(_queue)(dead_command)


@_dead_letter_trigger(RESULTS)
async def dead_event(message: func.ServiceBusMessage) -> None:
    await store_dead_event(message, app().results)
