"""The HTTP side of the host: routes, limits, and the two ``/admin/host`` pages that probes ask for."""

import asyncio
import logging
import os
from collections.abc import Callable, Iterable

from starlette.applications import Starlette
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from ondemand.host.app_settings import Cors
from ondemand.host.bodies import Bodies, BodyRefused, ClientGone, Refusal
from ondemand.host.failures import failures
from ondemand.host.function_timeout import WorkerRestarts
from ondemand.host.http_limits import RequestLimits, TooManyRequestsError
from ondemand.host.http_messages import in_chunks, to_response, to_trigger_input
from ondemand.host.index import HttpTrigger, IndexedFunction
from ondemand.host.invocation import Invoker, TriggerInput
from ondemand.host.options import HttpOptions
from ondemand.host.paths import BadPath, decoded
from ondemand.host.routes import RouteTable, RouteTemplate
from ondemand.site_guard import SiteGuard

ANONYMOUS_PLACES = 64
NO_HOMEPAGE_SETTING = "AzureWebJobsDisableHomepage"
logger = logging.getLogger(__name__)


class HttpFunctions:
    """Runs the function a request is routed to.

    A body is read before the request takes a place: clients that send slowly, or stop, hold none. Anonymous functions
    have places of their own, so that probes are answered while all others are taken.

    A client that leaves ends no function, as in Azure: the Python worker is told of none. A request whose client has
    left before its function began is not run.
    """

    def __init__(
        self,
        functions: Iterable[IndexedFunction],
        options: HttpOptions,
        invoker: Invoker,
        bodies: Bodies,
        is_crowded: Callable[[], bool],
    ) -> None:
        self._routes = RouteTable(
            (RouteTemplate.parse(full_route(options, function.trigger)), function.trigger.methods, function)
            for function in functions
            if isinstance(function.trigger, HttpTrigger)
        )
        self._limits = RequestLimits(options.max_outstanding_requests, options.max_concurrent_requests)
        self._anonymous_limits = RequestLimits(ANONYMOUS_PLACES, None)
        self._invoker = invoker
        self._bodies = bodies
        self._is_crowded = is_crowded

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, of any method: 404 without a route, HEAD and OPTIONS too."""
        request = Request(scope, receive, send)
        try:
            path = decoded(scope["raw_path"].decode("ascii"))
        except BadPath:
            response = Response(status_code=400)
        else:
            found = self._routes.find(request.method, path)
            response = _no_function(path) if found is None else await self._serve(request, path, *found)
        await response(scope, receive, send)

    async def _serve(
        self, request: Request, path: str, function: IndexedFunction, parameters: dict[str, str]
    ) -> Response:
        """429 over the limit, an empty 500 if the function raises."""
        is_anonymous = isinstance(function.trigger, HttpTrigger) and function.trigger.anonymous
        if self._is_crowded() and not is_anonymous:
            return Refusal(503)
        try:
            body = await self._bodies.read(request)
            try:
                with await (self._anonymous_limits if is_anonymous else self._limits).place() as waited:
                    if waited and await request.is_disconnected():
                        raise ClientGone
                    given = to_trigger_input(request, path, body, parameters)
                    return in_chunks(request, await self._invoke(function, given))
            finally:
                self._bodies.release(len(body))
        except TooManyRequestsError:
            return Response(status_code=429)
        except BodyRefused as refused:
            logger.warning("%s %s: %d, %s", request.method, function.name, refused.status, refused)
            return Refusal(refused.status)
        except ClientGone:
            logger.info("%s %s: the client went away before the function began", request.method, function.name)
            return Response(status_code=400)  # to nobody

    async def _invoke(self, function: IndexedFunction, given: TriggerInput) -> Response:
        try:
            return to_response(await self._invoker.invoke(function, given))
        except (asyncio.CancelledError, WorkerRestarts):
            # The time to drain is over, or the worker restarts; what it asked for may well be there at the next try.
            return Response(status_code=503, headers={"Retry-After": "1"})
        except Exception as error:  # noqa: BLE001  # a function may raise anything; the client gets no trace of it
            failures.log(logger, f"function {function.name} failed", error)
            return Response(status_code=500)


def full_route(options: HttpOptions, trigger: HttpTrigger) -> str:
    """The route template with the prefix of ``host.json``, without slashes around it."""
    return f"{options.route_prefix.strip('/')}/{trigger.route}".strip("/")


def http_app(functions: HttpFunctions, cors: Cors) -> ASGIApp:
    """The ASGI application: the admin pages, and the functions, which have a table of routes of their own."""
    admin = Starlette(
        routes=[Route("/admin/host/ping", _ping, methods=["GET", "POST"]), Route("/admin/host/status", _status)]
    )

    async def pages_and_functions(scope: Scope, receive: Receive, send: Send) -> None:
        await (admin if scope["path"].startswith("/admin/host/") else functions)(scope, receive, send)

    app: ASGIApp = pages_and_functions
    if cors.origins:
        app = CORSMiddleware(
            app, cors.origins, allow_methods=["*"], allow_headers=["*"], allow_credentials=cors.credentials
        )
    return SiteGuard(app, origins=cors.origins)


async def _ping(_: Request) -> Response:
    return Response(status_code=200)


async def _status(_: Request) -> Response:
    return JSONResponse({"state": "Running"})


def _no_function(path: str) -> Response:
    """The official host has a page at the root, which App Service's own probes ask for."""
    if path != "/":
        return Response(status_code=404)
    if os.environ.get(NO_HOMEPAGE_SETTING, "").lower() == "true":
        return Response(status_code=204)
    return HTMLResponse("<!DOCTYPE html><title>Functions</title><p>The functions host is running.</p>\n")
