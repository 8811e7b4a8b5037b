"""Steps that are spans."""

import asyncio
import time
from collections.abc import Callable, Iterator, Mapping
from contextvars import Token

from opentelemetry.context import Context, attach, create_key, detach, get_value, set_value
from opentelemetry.trace import Span, SpanContext, StatusCode, set_span_in_context

from functions.contracts import Operation
from functions.errors import InternalError, OnDemandError
from functions.telemetry import names
from functions.telemetry.instruments import OTHER, Instruments
from functions.telemetry.names import Metric
from functions.telemetry.signals import Step

OK, CANCELLED = "ok", "cancelled"
CLIENT_CLOSED_REQUEST, SERVER_ERROR = 499, 500
TRACE_FORMAT = "00-{:032x}-{:016x}-{:02x}"
_MESSAGE = create_key("message")


class SpanStep(Step):
    """A step that is the current span while it is under way."""

    def __init__(self, span: Span) -> None:
        self._span = span
        self._token: Token[Context] | None = None

    @property
    def traceparent(self) -> str | None:  # type: ignore[override]  # an attribute there
        return traceparent_of(self._span.get_span_context())

    def __enter__(self) -> "SpanStep":
        self._token = attach(self._context())
        return self

    def _context(self) -> Context:
        return set_span_in_context(self._span)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: object) -> None:
        if self._token is not None:
            detach(self._token)
        if error is not None:
            self.outcome = outcome_of(error)
            self._fail(error)
        self._end()

    def _fail(self, error: BaseException) -> None:
        """No text of the exception: it may have rows or names of hosts in it."""
        self._span.set_attribute("error.type", self.outcome)
        if not isinstance(error, asyncio.CancelledError) and _is_our_fault(error):
            self._span.set_status(StatusCode.ERROR)

    def _end(self) -> None:
        self._span.end()


class MessageStep(SpanStep):
    """The handling of all that shares one message."""

    def _context(self) -> Context:
        return set_value(_MESSAGE, self._span.get_span_context(), super()._context())


def message_under_way() -> list[SpanContext]:
    """The span of the message that is handled, if it has one. A background task may have another span from before."""
    message = get_value(_MESSAGE)
    return [message] if isinstance(message, SpanContext) else []


class TimedStep(SpanStep):
    """A step whose duration is measured, by its outcome."""

    def __init__(
        self,
        span: Span,
        measure: Callable[[Span, Metric, float, Mapping[str, str]], None],
        metric: Metric,
        labels: Mapping[str, str],
    ) -> None:
        super().__init__(span)
        self._measure = measure
        self._metric = metric
        self._labels = labels
        self._began = time.perf_counter()

    def _end(self) -> None:
        outcome = self.outcome or OK
        self._span.set_attribute(names.OUTCOME, outcome)
        super()._end()
        seconds = time.perf_counter() - self._began
        self._measure(self._span, self._metric, seconds, {**self._labels, names.OUTCOME: outcome})


class RequestStep(SpanStep):
    """An HTTP request."""

    def __init__(self, span: Span, instruments: Instruments, method: str, route: str) -> None:
        super().__init__(span)
        self._instruments = instruments
        self._labels: dict[str, str | int] = {names.METHOD: method, names.ROUTE: route}
        self._status = SERVER_ERROR
        self._began = time.perf_counter()

    def answered(self, status: int, operation: Operation | None = None) -> None:
        self._status = status
        if operation is None:
            return
        self.outcome = outcome_in(operation)
        if operation.operation_id is not None:
            self._span.set_attribute(names.OPERATION, operation.operation_id)
        if operation.model_type is not None:
            self._labels[names.MODEL_TYPE] = self._instruments.known(operation.model_type)

    def _fail(self, error: BaseException) -> None:
        super()._fail(error)
        if isinstance(error, asyncio.CancelledError):
            self._status = CLIENT_CLOSED_REQUEST

    def _end(self) -> None:
        labels = self._labels | {names.STATUS: self._status, names.OUTCOME: self.outcome or OK}
        self._span.set_attributes(labels)
        if self._status >= SERVER_ERROR:
            self._span.set_status(StatusCode.ERROR)
        super()._end()
        self._instruments.record(names.REQUESTS, time.perf_counter() - self._began, labels)


def traceparent_of(context: SpanContext) -> str | None:
    """The context as W3C writes it."""
    return TRACE_FORMAT.format(context.trace_id, context.span_id, context.trace_flags) if context.is_valid else None


def outcome_of(error: BaseException) -> str:
    """One of a closed set."""
    if isinstance(error, asyncio.CancelledError):
        return CANCELLED
    return error.slug if isinstance(error, OnDemandError) else InternalError.slug


def outcome_in(operation: Operation) -> str:
    """The slug of the operation's error, or its status. One of a closed set: a message may bring any error."""
    if operation.error is None:
        return operation.status
    slug = operation.error.type.rpartition(":")[2]
    return slug if slug in _SLUGS else OTHER


def _slugs(kind: type[OnDemandError]) -> Iterator[str]:
    yield kind.slug
    for each in kind.__subclasses__():
        yield from _slugs(each)


_SLUGS = frozenset(_slugs(OnDemandError))


def _is_our_fault(error: BaseException) -> bool:
    return not isinstance(error, OnDemandError) or error.status >= SERVER_ERROR
