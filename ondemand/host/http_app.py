"""The HTTP side of the host: routes, limits, and the two ``/admin/host`` pages that probes ask for."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.convertors import PathConvertor, register_url_convertor
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from ondemand.host.bodies import Bodies, BodyRefused, ClientGone, Refusal
from ondemand.host.failures import failures
from ondemand.host.http_messages import to_response, to_trigger_input
from ondemand.host.index import HttpTrigger, IndexedFunction
from ondemand.host.invocation import Invoker, TriggerInput
from ondemand.host.options import HttpOptions
from ondemand.host.routes import RouteTable, RouteTemplate
from ondemand.site_guard import SiteGuard

ANONYMOUS_PLACES = 64
METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
logger = logging.getLogger(__name__)


class _AnyPath(PathConvertor):
    """A path with line breaks too, which Starlette's own leaves out."""

    regex = "(?s:.*)"


register_url_convertor("any", _AnyPath())


class TooManyRequestsError(Exception):
    """As many requests as ``maxOutstandingRequests`` are running or waiting already."""


class RequestLimits:
    """Admits ``maxOutstandingRequests`` at a time and runs ``maxConcurrentRequests`` of them."""

    def __init__(self, max_outstanding: int | None, max_concurrent: int | None) -> None:
        self._outstanding = 0
        self._max_outstanding = max_outstanding
        self._running = None if max_concurrent is None else asyncio.Semaphore(max_concurrent)

    @asynccontextmanager
    async def admit(self) -> AsyncIterator[None]:
        """Hold a place while a request is served; raises TooManyRequestsError if there is none."""
        if self._max_outstanding is not None and self._outstanding >= self._max_outstanding:
            raise TooManyRequestsError
        self._outstanding += 1
        try:
            if self._running is None:
                yield
            else:
                async with self._running:
                    yield
        finally:
            self._outstanding -= 1


class HttpFunctions:
    """Runs the function a request is routed to.

    A body is read before the request takes a place: clients that send slowly, or stop, hold none. Anonymous functions
    have places of their own, so that probes are answered while all others are taken.
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

    async def serve(self, request: Request) -> Response:
        """Answer one request: 404 without a route, 429 over the limit, an empty 500 if the function raises."""
        found = self._routes.find(request.method, request.scope["raw_path"].decode("ascii").partition("?")[0])
        if found is None:
            return Response(status_code=404)
        function, parameters = found
        is_anonymous = isinstance(function.trigger, HttpTrigger) and function.trigger.anonymous
        if self._is_crowded() and not is_anonymous:
            return Refusal(503)
        try:
            body = await self._bodies.read(request)
            try:
                async with (self._anonymous_limits if is_anonymous else self._limits).admit():
                    return await self._invoke(function, to_trigger_input(request, body, parameters))
            finally:
                self._bodies.release(len(body))
        except TooManyRequestsError:
            return Response(status_code=429)
        except BodyRefused as refused:
            logger.warning("%s %s: %d, %s", request.method, function.name, refused.status, refused)
            return Refusal(refused.status)
        except ClientGone:
            logger.info("%s %s: the client went away in the middle of its request", request.method, function.name)
            return Response(status_code=400)  # to nobody

    async def _invoke(self, function: IndexedFunction, given: TriggerInput) -> Response:
        try:
            return to_response(await self._invoker.invoke(function, given))
        except asyncio.CancelledError:
            # The host stops and the time to drain is over; what it asked for may well be there at the next try.
            return Response(status_code=503, headers={"Retry-After": "1"})
        except Exception as error:  # noqa: BLE001  # a function may raise anything; the client gets no trace of it
            failures.log(logger, f"function {function.name} failed", error)
            return Response(status_code=500)


def full_route(options: HttpOptions, trigger: HttpTrigger) -> str:
    """The route template with the prefix of ``host.json``, without slashes around it."""
    return f"{options.route_prefix.strip('/')}/{trigger.route}".strip("/")


def http_app(functions: HttpFunctions) -> ASGIApp:
    """The ASGI application: the admin pages, then the functions."""
    app = Starlette(
        routes=[
            Route("/admin/host/ping", _ping, methods=["GET", "POST"]),
            Route("/admin/host/status", _status),
            Route("/{path:any}", functions.serve, methods=METHODS),
        ]
    )
    return SiteGuard(app)


async def _ping(_: Request) -> Response:
    return Response(status_code=200)


async def _status(_: Request) -> Response:
    return JSONResponse({"state": "Running"})
