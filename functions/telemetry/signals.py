"""What the functions tell of their work. The class here ignores it, and costs a request next to nothing.

`functions.telemetry.otel` makes spans and metrics of it, by OpenTelemetry, which is imported only there.
"""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Any, Protocol

from functions.contracts import Event, Operation, RunModel
from functions.telemetry.names import Metric


class Step(AbstractContextManager["Step"]):
    """A part of the work, from entering it to leaving it. An exception that leaves it is its outcome."""

    outcome = ""
    """What came of it; empty: it succeeded."""
    traceparent: str | None = None
    """The W3C trace context of this step, for a message that it sends. None: there is none of our own."""

    def answered(self, status: int, operation: Operation | None = None) -> None:
        """The step is a request, which gets this answer."""

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: object) -> None:
        pass


class Received(Protocol):
    """A message, of which the time when the bus enqueued it is asked for."""

    @property
    def enqueued_time_utc(self) -> datetime | None: ...


class Asked(Protocol):
    """A request for a call of a model, which may serve several."""

    @property
    def size(self) -> int: ...
    @property
    def step(self) -> object: ...


class Ended(Protocol):
    """A Databricks run that has ended."""

    @property
    def databricks_run_id(self) -> int: ...
    @property
    def started_at(self) -> datetime | None: ...
    @property
    def ended_at(self) -> datetime | None: ...
    @property
    def succeeded(self) -> bool | None: ...
    @property
    def code(self) -> str: ...


_NOTHING = Step()


class Telemetry:
    """Ignores everything."""

    def request(self, method: str, route: str, headers: Mapping[str, str]) -> Step:
        """An HTTP request."""
        return _NOTHING

    def received(self, queue: str, message: Received, traces: Sequence[RunModel | Event]) -> Step:
        """A message and what it carries: the steps of these are linked to it where there are several."""
        return _NOTHING

    def command(self, queue: str, command: RunModel) -> Step:
        """The handling of a command, in the trace of its request."""
        return _NOTHING

    def event(self, queue: str, event: Event) -> Step:
        """The handling of an event, in the trace of its request."""
        return _NOTHING

    def sending(self, queue: str) -> Step:
        """Sending one message; its trace context is to go with the message."""
        return _NOTHING

    def step(self, name: str, model_type: str) -> Step:
        """A named part of the step that is under way, with a duration of its own among the metrics."""
        return _NOTHING

    def current(self) -> object:
        """The step that is under way, to be linked to later."""
        return None

    def call(self, asked: Sequence[Asked]) -> Step:
        """One call of a model for these requests."""
        return _NOTHING

    def began(self, shared: "asyncio.Task[Any]") -> None:
        """The step under way began a call that others may join."""

    def joined(self, shared: "asyncio.Task[Any]") -> None:
        """The step under way waits for a call that another one began."""

    def finished(self, operation: Operation) -> None:
        """The outcome of an operation is on its way to the client."""

    def trained(self, command: RunModel, run: Ended) -> None:
        """The training that a command waited for has ended."""

    def training_ended(self, model_type: str, outcome: str, seconds: float) -> None:
        """A training has ended; told once for each run. The outcome is empty if it succeeded."""

    def count(self, metric: Metric, *labels: str) -> None:
        """One more of what the metric counts, with a value for each of its labels."""
