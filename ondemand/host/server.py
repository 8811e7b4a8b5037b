"""The running host: one HTTP server and a listener for each Service Bus trigger, started and drained together."""

import asyncio
import contextlib
import logging
import os
import signal
import socket
from collections.abc import Iterable

import uvicorn

from ondemand.bounded_http import BoundedProtocol, max_connections
from ondemand.host.app_settings import NO_CORS, Cors
from ondemand.host.bodies import Bodies, max_body_bytes
from ondemand.host.function_timeout import RunningFunctions, TimedInvoker
from ondemand.host.http_app import HttpFunctions, full_route, http_app
from ondemand.host.index import HttpTrigger, IndexedFunction, ServiceBusTrigger
from ondemand.host.options import HostOptions
from ondemand.host.servicebus.listener import Listener
from ondemand.host.servicebus.queue_listener import QueueListener
from ondemand.host.servicebus.session_listener import SessionListener
from ondemand.host.worker.worker import Worker
from ondemand.lifetime import announce_ready

KEEP_ALIVE_S = 130
"""As Kestrel's default."""
RESTART_S = 5.0
"""For answers and abandoned messages to go out, before the process starts again."""
logger = logging.getLogger(__name__)


class _Server(uvicorn.Server):
    """uvicorn without its signal handlers: the host drains HTTP and Service Bus together."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.serving = asyncio.Event()

    def capture_signals(self) -> contextlib.AbstractContextManager[None]:  # type: ignore[override]  # a generator there
        return contextlib.nullcontext()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.serving.set()


class Host:
    """Runs the functions of one app in this process."""

    def __init__(
        self, functions: Iterable[IndexedFunction], options: HostOptions, worker: Worker, cors: Cors = NO_CORS
    ) -> None:
        self._functions = list(functions)
        self._options = options
        self._cors = cors
        self._max_body_bytes = max_body_bytes(os.environ)
        self._stop = asyncio.Event()
        self._restarts = False
        self._invoker = TimedInvoker(worker, RunningFunctions(options.function_timeout, self._restart))
        self._listeners = [
            self._listener(function, function.trigger)
            for function in self._functions
            if isinstance(function.trigger, ServiceBusTrigger)
        ]

    async def run(self, listening: socket.socket, drain_timeout: float, announces: bool = True) -> bool:
        """Serve until SIGTERM or SIGINT, then let running invocations finish for *drain_timeout* seconds at most.

        Return whether the process is to start again, because a function has run for ``functionTimeout``; *listening* is
        still open then. Raises the error of a part of the host, such as HostError for a connection that is not
        configured.
        """
        server = self._http_server(drain_timeout)
        for signal_number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(signal_number, self._end)
        parts = [asyncio.create_task(server.serve([listening.dup()]))]
        parts += [asyncio.create_task(listener.run(os.environ)) for listener in self._listeners]
        for part in parts:
            part.add_done_callback(lambda _: self._stop.set())
        await self._started(server)
        if announces and not self._stop.is_set():
            self._announce(listening)
        await self._stop.wait()
        if not self._restarts:
            listening.close()
        await self._drain(server, parts, RESTART_S if self._restarts else drain_timeout)
        return self._restarts

    def _end(self) -> None:
        self._restarts = False
        self._stop.set()

    def _restart(self) -> None:
        self._restarts = not self._stop.is_set()
        self._stop.set()

    def _http_server(self, drain_timeout: float) -> _Server:
        BoundedProtocol.max_connections = most = max_connections()
        BoundedProtocol.reads_chunks = False
        functions = HttpFunctions(
            self._functions,
            self._options.extensions.http,
            self._invoker,
            Bodies(self._max_body_bytes),
            lambda: len(server.server_state.connections) > most,
        )
        config = uvicorn.Config(
            http_app(functions, self._cors),
            http=BoundedProtocol,
            ws="none",
            access_log=False,
            log_config=None,
            lifespan="off",
            server_header=False,
            timeout_keep_alive=KEEP_ALIVE_S,
            timeout_graceful_shutdown=int(drain_timeout),
        )
        server = _Server(config)
        return server

    def _listener(self, function: IndexedFunction, trigger: ServiceBusTrigger) -> Listener:
        listener = SessionListener if trigger.sessions else QueueListener
        return listener(function, trigger, self._options.extensions.service_bus, self._invoker)

    async def _started(self, server: _Server) -> None:
        """Return once HTTP is served or a part has failed. Triggers connect meanwhile."""
        waits = [asyncio.create_task(event.wait()) for event in (server.serving, self._stop)]
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        for wait in waits:
            wait.cancel()

    def _announce(self, listening: socket.socket) -> None:
        url = "http://{}:{}".format(*listening.getsockname())
        for function in self._functions:
            logger.info("%s: %s", function.name, self._describe(function, url))
        announce_ready(url=url)

    def _describe(self, function: IndexedFunction, url: str) -> str:
        if isinstance(function.trigger, HttpTrigger):
            methods = ",".join(function.trigger.methods) or "all methods"
            return f"[{methods}] {url}/{full_route(self._options.extensions.http, function.trigger)}"
        return f"serviceBusTrigger {function.trigger.entity}"

    async def _drain(self, server: _Server, parts: list[asyncio.Task[None]], drain_timeout: float) -> None:
        logger.info("draining")
        server.should_exit = True
        for listener in self._listeners:
            listener.stop()
        _, late = await asyncio.wait(parts, timeout=drain_timeout)
        for part in late:
            logger.error("an invocation ran on for more than %.0f s and is given up", drain_timeout)
            part.cancel()
        await asyncio.gather(*late, return_exceptions=True)
        self._invoker.close()
        failures = [error for part in parts if not part.cancelled() and (error := part.exception()) is not None]
        if failures:
            raise failures[0]
