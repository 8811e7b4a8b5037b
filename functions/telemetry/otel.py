"""Spans and metrics by OpenTelemetry. Its own providers: what a library does with the global ones is its own affair."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import UTC
from typing import Any
from weakref import WeakKeyDictionary, WeakSet

from opentelemetry.context import Context
from opentelemetry.trace import (
    INVALID_SPAN,
    Link,
    Span,
    SpanContext,
    SpanKind,
    StatusCode,
    Tracer,
    get_current_span,
    set_span_in_context,
)
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from functions.contracts import Event, Operation, RunModel, utc_now
from functions.telemetry import names
from functions.telemetry.instruments import Instruments
from functions.telemetry.names import Metric
from functions.telemetry.signals import Asked, Ended, Received, Step, Telemetry
from functions.telemetry.spans import OK, MessageStep, RequestStep, SpanStep, TimedStep, message_under_way, outcome_in

_PROPAGATOR = TraceContextTextMapPropagator()
_ROOT = Context()


class OpenTelemetry(Telemetry):
    """See `Telemetry` for what each method is told."""

    def __init__(self, tracer: Tracer, instruments: Instruments) -> None:
        self._tracer = tracer
        self._instruments = instruments
        self._shared: WeakKeyDictionary[asyncio.Task[Any], SpanContext] = WeakKeyDictionary()
        self._joined: WeakSet[Span] = WeakSet()
        self._process_began = utc_now()
        self._is_first_message = True

    def request(self, method: str, route: str, headers: Mapping[str, str]) -> Step:
        attributes = {names.METHOD: method, names.ROUTE: route}
        parent = _remote(headers.get("traceparent"))
        span = self._tracer.start_span(f"{method} {route}", parent, SpanKind.SERVER, attributes)
        return RequestStep(span, self._instruments, method, route)

    def received(self, queue: str, message: Received, traces: Sequence[RunModel | Event]) -> Step:
        self._measure_waiting(queue, message)
        if len(traces) < 2:
            return super().received(queue, message, traces)
        links = [Link(_remote_span(each.traceparent)) for each in traces]
        attributes: dict[str, str | int] = {names.QUEUE: queue, "messaging.batch.message_count": len(traces)}
        return MessageStep(
            self._tracer.start_span(f"receive {queue}", _ROOT, SpanKind.CONSUMER, attributes, _valid(links))
        )

    def command(self, queue: str, command: RunModel) -> Step:
        return self._process(queue, command.traceparent, command.operation, command.model_type)

    def event(self, queue: str, event: Event) -> Step:
        operation = event.operation
        return self._process(queue, event.traceparent, str(operation.operation_id), operation.model_type)

    def _process(self, queue: str, traceparent: str | None, operation_id: str, model_type: str | None) -> Step:
        """A span in the trace of the request, linked to the message that it shares with others."""
        attributes = {
            names.QUEUE: queue,
            names.OPERATION: operation_id,
            names.MODEL_TYPE: self._instruments.known(model_type),
        }
        message = _valid([Link(each) for each in message_under_way()])
        return SpanStep(
            self._tracer.start_span(f"process {queue}", _remote(traceparent), SpanKind.CONSUMER, attributes, message)
        )

    def sending(self, queue: str) -> Step:
        return SpanStep(self._tracer.start_span(f"send {queue}", None, SpanKind.PRODUCER, {names.QUEUE: queue}))

    def step(self, name: str, model_type: str) -> Step:
        labels = {names.MODEL_TYPE: self._instruments.known(model_type)}
        span = self._tracer.start_span(name, attributes=labels)
        return TimedStep(span, self._measure_step, names.STEPS[name], labels)

    def current(self) -> object:
        return get_current_span()

    def call(self, asked: Sequence[Asked]) -> Step:
        rows = sum(each.size for each in asked)
        self._instruments.record(names.CALL_REQUESTS, len(asked), {})
        self._instruments.record(names.CALL_ROWS, rows, {})
        steps = [each.step for each in asked if isinstance(each.step, Span)]
        # A span is in one trace: here in that of the first request that is recorded, if one is.
        parent = next((step for step in steps if step.is_recording()), steps[0] if steps else INVALID_SPAN)
        others = [step for step in steps if step is not parent]
        attributes = {"ondemand.call.requests": len(asked), "ondemand.call.rows": rows}
        links = _valid([Link(each.get_span_context()) for each in others])
        span = self._tracer.start_span("call", set_span_in_context(parent, _ROOT), attributes=attributes, links=links)
        for each in others:
            if each.is_recording():
                each.add_link(span.get_span_context())
        return SpanStep(span)

    def began(self, shared: "asyncio.Task[Any]") -> None:
        self._shared[shared] = get_current_span().get_span_context()

    def joined(self, shared: "asyncio.Task[Any]") -> None:
        span, context = get_current_span(), self._shared.get(shared)
        self._joined.add(span)
        if context is not None and context.is_valid and span.is_recording():
            span.add_link(context)

    def finished(self, operation: Operation) -> None:
        outcome = outcome_in(operation)
        get_current_span().set_attribute(names.OUTCOME, outcome)
        self._instruments.count(names.OPERATIONS, operation.model_type or "", outcome)

    def trained(self, command: RunModel, run: Ended) -> None:
        if run.started_at is None or run.ended_at is None:
            return
        attributes: dict[str, str | int] = {
            names.MODEL_TYPE: self._instruments.known(command.model_type),
            names.OPERATION: command.operation,
            "databricks.run.id": run.databricks_run_id,
        }
        start, end = (int(moment.timestamp() * 1e9) for moment in (run.started_at, run.ended_at))
        parent = _remote(command.traceparent)
        span = self._tracer.start_span("training", parent, attributes=attributes, start_time=start)
        if not run.succeeded:
            span.set_attribute("error.type", run.code)
            span.set_status(StatusCode.ERROR)
        span.end(end)

    def training_ended(self, model_type: str, outcome: str, seconds: float) -> None:
        labels = {names.MODEL_TYPE: self._instruments.known(model_type), names.OUTCOME: outcome or OK}
        self._instruments.record(names.TRAININGS, seconds, labels)

    def count(self, metric: Metric, *labels: str) -> None:
        self._instruments.count(metric, *labels)

    def _measure_step(self, span: Span, metric: Metric, seconds: float, labels: Mapping[str, str]) -> None:
        """A shared call counts once: for the step that began it."""
        if span not in self._joined:
            self._instruments.record(metric, seconds, labels)

    def _measure_waiting(self, queue: str, message: Received) -> None:
        """The clocks of bus and host may differ; a message never waited less than no time."""
        if (enqueued_at := message.enqueued_time_utc) is None:
            return
        if enqueued_at.tzinfo is None:
            enqueued_at = enqueued_at.replace(tzinfo=UTC)
        waited, labels = max((utc_now() - enqueued_at).total_seconds(), 0.0), {names.QUEUE: queue}
        self._instruments.record(names.QUEUE_TIME, waited, labels)
        if self._is_first_message and enqueued_at < self._process_began:
            self._instruments.record(names.FROM_ZERO, waited, labels)
        self._is_first_message = False


def _remote(traceparent: str | None) -> Context:
    """The context that a message or a request brings; that of a new trace if it brings none."""
    return _PROPAGATOR.extract({"traceparent": traceparent} if traceparent else {}, _ROOT)


def _remote_span(traceparent: str | None) -> SpanContext:
    return get_current_span(_remote(traceparent)).get_span_context()


def _valid(links: Sequence[Link]) -> list[Link]:
    return [link for link in links if link.context.is_valid]
