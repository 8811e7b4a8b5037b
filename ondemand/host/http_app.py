"""The HTTP side of the host: routes, limits, and the two ``/admin/host`` pages that probes ask for."""

import asyncio
import logging
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.convertors import PathConvertor, register_url_convertor
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ondemand.host.context import InvocationTrace
from ondemand.host.http_messages import to_function_request, to_response
from ondemand.host.index import HttpTrigger, IndexedFunction
from ondemand.host.invocation import Invoker
from ondemand.host.options import HttpOptions
from ondemand.host.routes import RouteTable, RouteTemplate

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

    def __init__(self, options: HttpOptions) -> None:
        self._outstanding = 0
        self._max_outstanding = options.max_outstanding_requests
        concurrent = options.max_concurrent_requests
        self._running = None if concurrent is None else asyncio.Semaphore(concurrent)

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
    """Runs the function a request is routed to."""

    def __init__(self, functions: Iterable[IndexedFunction], options: HttpOptions, invoker: Invoker) -> None:
        self._routes = RouteTable(
            (RouteTemplate.parse(full_route(options, function.trigger)), function.trigger.methods, function)
            for function in functions
            if isinstance(function.trigger, HttpTrigger)
        )
        self._limits = RequestLimits(options)
        self._invoker = invoker

    async def serve(self, request: Request) -> Response:
        """Answer one request: 404 without a route, 429 over the limit, an empty 500 if the function raises."""
        found = self._routes.find(request.method, request.scope["raw_path"].decode("ascii").partition("?")[0])
        if found is None:
            return Response(status_code=404)
        try:
            async with self._limits.admit():
                return await self._invoke(*found, request)
        except TooManyRequestsError:
            return Response(status_code=429)

    async def _invoke(self, function: IndexedFunction, parameters: dict[str, str], request: Request) -> Response:
        trace = InvocationTrace(request.headers.get("traceparent", ""), request.headers.get("tracestate", ""))
        argument = to_function_request(request, await request.body(), parameters)
        try:
            return to_response(await self._invoker.invoke(function, argument, trace))
        except asyncio.CancelledError:
            # The host stops and the time to drain is over; what it asked for may well be there at the next try.
            return Response(status_code=503, headers={"Retry-After": "1"})
        except Exception:  # a function may raise anything; the client gets no trace of it
            logger.exception("function %s failed", function.name)
            return Response(status_code=500)


def full_route(options: HttpOptions, trigger: HttpTrigger) -> str:
    """The route template with the prefix of ``host.json``, without slashes around it."""
    return f"{options.route_prefix.strip('/')}/{trigger.route}".strip("/")


def http_app(functions: HttpFunctions) -> Starlette:
    """The ASGI application: the admin pages, then the functions."""
    return Starlette(
        routes=[
            Route("/admin/host/ping", _ping, methods=["GET", "POST"]),
            Route("/admin/host/status", _status),
            Route("/{path:any}", functions.serve, methods=METHODS),
        ]
    )


async def _ping(_: Request) -> Response:
    return Response(status_code=200)


async def _status(_: Request) -> Response:
    return JSONResponse({"state": "Running"})
