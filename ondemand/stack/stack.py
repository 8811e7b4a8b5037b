"""The supervisor: starts the parts in order, watches them, stops them in reverse."""

import asyncio
import os
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import Self

from ondemand.functions_app import DEPLOYMENTS, SAMPLE_WORKSPACE, SCRIPT_ROOT
from ondemand.stack.addresses import EXTERNAL, USUAL_PORTS, Addresses, Ports, addresses
from ondemand.stack.data_folder import DataFolderLock, delete_old_operations, write_addresses
from ondemand.stack.part import Part, PartError, PartSpec
from ondemand.stack.readiness import NotReadyError, wait_until_ready
from ondemand.stack.specs import INFRASTRUCTURE, Specs

OPERATIONS_KEPT = timedelta(days=3)
PARTS = (*INFRASTRUCTURE, *DEPLOYMENTS)


def _say_nothing(_part: str, _state: str) -> None:
    pass


class Stack:
    """Every part of the system on this machine; an asynchronous context manager that starts and stops it.

    ``parts`` are the running parts by name. State is kept in the data folder and comes back with the next stack on it.
    A part whose address is in *environ* (SERVICEBUS_CONNECTION, MLFLOW_TRACKING_URI, DATABRICKS_HOST) is not started.
    *workspaces* map folders of the Databricks workspace to folders here, as `PATH=DIRECTORY`.
    *otel* is where the hosts send traces and metrics: the base URL of a collector that takes OTLP by HTTP.
    *on_change* is called with the name of a part and its new state.
    """

    def __init__(
        self,
        data: Path,
        *,
        free_ports: bool = False,
        port: int | None = None,
        only: Iterable[str] = PARTS,
        environ: Mapping[str, str] = os.environ,
        workspaces: Sequence[str] = (SAMPLE_WORKSPACE,),
        otel: str | None = None,
        on_change: Callable[[str, str], None] = _say_nothing,
    ) -> None:
        self.parts: dict[str, Part] = {}
        self.data = data.resolve()
        usual = {} if free_ports else USUAL_PORTS
        self._ports = Ports(usual if port is None else {**usual, "predict": port}, on_change)
        self._wanted = [part for part in PARTS if part in set(only) and not environ.get(EXTERNAL.get(part, ""))]
        self._environ = environ
        self._workspaces = workspaces
        self._otel = otel
        self._on_change = on_change
        self._lock = DataFolderLock(self.data)
        self._deaths: asyncio.Queue[PartError] = asyncio.Queue()

    @property
    def addresses(self) -> Addresses:
        """Where broker, MLflow, Databricks and the operation store are."""
        return addresses(self._ports, self._environ, self.data)

    @property
    def url(self) -> str:
        """Where the API is: the base URL of the predict host."""
        return self.url_of("predict")

    def url_of(self, name: str) -> str:
        """The base URL of the host called *name*."""
        return self._ports.url(name)

    def log_of(self, name: str) -> Path:
        """The log file of a part."""
        return self.data / "logs" / f"{name}.log"

    async def start(self) -> None:
        """Start everything and return once every host is ready; raises PartError or DataFolderError.

        If a part fails, those already started are stopped again.
        """
        self._lock.acquire()
        starting = asyncio.create_task(self._start_all())
        dying = asyncio.create_task(self.died())
        try:
            await asyncio.wait({starting, dying}, return_when=asyncio.FIRST_COMPLETED)
            if dying.done():
                raise dying.result()
            await starting
        except BaseException:  # also a cancellation: no part stays behind
            starting.cancel()
            await asyncio.wait({starting})
            await self.stop()
            raise
        finally:
            dying.cancel()

    async def stop(self) -> None:
        """Stop all parts: the hosts first, then their infrastructure."""
        hosts = [name for name in self.parts if name not in INFRASTRUCTURE]
        await asyncio.gather(*(self.stop_part(name) for name in hosts))
        for name in reversed(INFRASTRUCTURE):
            if name in self.parts:
                await self.stop_part(name)
        self._lock.release()

    def kill_now(self) -> None:
        """Send SIGKILL to all parts without waiting."""
        for part in self.parts.values():
            part.kill_now()

    async def start_part(self, name: str) -> None:
        """Start a part that was stopped or killed, where it was before; a host is ready when this returns."""
        await self._start(self.parts[name])

    async def stop_part(self, name: str) -> None:
        """Stop a part as the end of the stack would."""
        if self.parts[name].is_running:
            self._on_change(name, "stopping")
        await self.parts[name].stop()

    async def kill_part(self, name: str) -> None:
        """End a part by SIGKILL, as a crash would; it is not reported as a death."""
        await self.parts[name].kill()

    async def add_host(self, name: str, deployment: str) -> str:
        """Start another host of a deployment on the same bus and store; return its base URL."""
        part = self._part(self._specs().host(name, deployment))
        await self._start(part)
        return self.url_of(name)

    async def died(self) -> PartError:
        """Wait until a part ends by itself and return its error."""
        return await self._deaths.get()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.stop()

    async def _start_all(self) -> None:
        delete_old_operations(self.data, OPERATIONS_KEPT)
        write_addresses(self.data, self.addresses)
        specs = self._specs()
        first = [self._part(specs.infrastructure(name)) for name in self._wanted if name in INFRASTRUCTURE]
        hosts = [self._part(specs.host(name, name)) for name in self._wanted if name in DEPLOYMENTS]
        started = {part.spec.name: asyncio.create_task(self._start(part)) for part in first}
        tasks = [*started.values(), *(asyncio.create_task(self._start(host, started.get("broker"))) for host in hosts)]
        try:
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)

    async def _start(self, part: Part, after: asyncio.Task[None] | None = None) -> None:
        if after is not None:
            await after
        name = part.spec.name
        self._on_change(name, "starting")
        began = time.monotonic()
        await part.start()
        if name not in INFRASTRUCTURE:
            await self._until_ready(name)
        self._on_change(name, f"ready after {time.monotonic() - began:.1f} s")

    async def _until_ready(self, name: str) -> None:
        try:
            await wait_until_ready(self.url_of(name))
        except NotReadyError as error:
            raise PartError(name, f"is not ready: {error}", self.log_of(name)) from None

    def _specs(self) -> Specs:
        return Specs(self.data, self._ports, self.addresses, self._environ, self._workspaces, self._otel)

    def _part(self, spec: PartSpec) -> Part:
        part = Part(spec, SCRIPT_ROOT, self._deaths.put_nowait)
        self.parts[spec.name] = part
        return part
