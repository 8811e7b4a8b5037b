"""Telemetry that tests read: the SDK of OpenTelemetry, which keeps in memory what it would export."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import HistogramDataPoint, InMemoryMetricReader, NumberDataPoint
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import DEFAULT_ON, Sampler
from opentelemetry.trace import SpanContext, format_span_id, format_trace_id

from functions import telemetry
from functions.telemetry.instruments import Instruments
from functions.telemetry.names import Metric
from functions.telemetry.otel import OpenTelemetry

Labels = dict[str, str | int]


class Recording:
    def __init__(self, sampler: Sampler = DEFAULT_ON) -> None:
        self._exporter = InMemorySpanExporter()
        self._reader = InMemoryMetricReader()
        tracers = TracerProvider(sampler, shutdown_on_exit=False)
        tracers.add_span_processor(SimpleSpanProcessor(self._exporter))
        self._meters = MeterProvider([self._reader], shutdown_on_exit=False)
        self.instruments = Instruments(self._meters.get_meter("tests"), ("wine", "diabetes"))
        self.telemetry = OpenTelemetry(tracers.get_tracer("tests"), self.instruments)

    @property
    def spans(self) -> list[ReadableSpan]:
        """Those that have ended, in the order of their ends."""
        return list(self._exporter.get_finished_spans())

    def span(self, name: str) -> ReadableSpan:
        """The only span of this name."""
        (span,) = (span for span in self.spans if span.name == name)
        return span

    def values(self, metric: Metric) -> list[tuple[Labels, float]]:
        """Labels and values of a counter, or of a histogram the sums, by labels."""
        data = self._reader.get_metrics_data()
        points = [
            point
            for resource in (data.resource_metrics if data else ())
            for scope in resource.scope_metrics
            for each in scope.metrics
            if each.name == metric.name
            for point in each.data.data_points
        ]
        return [(_labels(point.attributes), _value(point)) for point in points]

    def labels(self, metric: Metric) -> list[Labels]:
        return [labels for labels, _ in self.values(metric)]

    def close(self) -> None:
        self._meters.shutdown()


def _labels(attributes: Mapping[str, object] | None) -> Labels:
    return {name: value for name, value in (attributes or {}).items() if isinstance(value, str | int)}


def _value(point: object) -> float:
    if isinstance(point, HistogramDataPoint):
        return point.sum
    assert isinstance(point, NumberDataPoint)
    return point.value


@contextmanager
def recording(sampler: Sampler = DEFAULT_ON) -> Iterator[Recording]:
    """What `functions.telemetry` is told from here on is recorded."""
    before, recorded = telemetry.active, Recording(sampler)
    telemetry.active = recorded.telemetry
    try:
        yield recorded
    finally:
        telemetry.active = before
        recorded.close()


def parent_of(span: ReadableSpan) -> str:
    """The id of its parent; empty if it has none."""
    return format_span_id(span.parent.span_id) if span.parent else ""


def id_of(span: ReadableSpan) -> str:
    return format_span_id(_context(span).span_id)


def trace_of(span: ReadableSpan) -> str:
    return format_trace_id(_context(span).trace_id)


def _context(span: ReadableSpan) -> SpanContext:
    context = span.get_span_context()
    assert context is not None
    return context


def links_of(span: ReadableSpan) -> set[str]:
    return {format_span_id(link.context.span_id) for link in span.links}
