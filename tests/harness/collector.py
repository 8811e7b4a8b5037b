"""A collector of OpenTelemetry: an HTTP server that takes OTLP with protobuf and keeps what it is sent."""

import gzip
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Condition, Thread
from typing import Any

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import KeyValue


@dataclass(frozen=True)
class ReceivedSpan:
    service: str
    name: str
    trace_id: str
    span_id: str
    parent_id: str
    seconds: float
    attributes: dict[str, Any]
    links: tuple[str, ...]
    """Ids of the spans that it is linked to."""


@dataclass(frozen=True)
class Point:
    """One value of a metric: of a histogram the number of its values."""

    service: str
    metric: str
    unit: str
    labels: dict[str, Any]
    value: float


@dataclass
class Collector:
    """What the services sent, by the time that it is asked for."""

    url: str = ""
    spans: list[ReceivedSpan] = field(default_factory=list)
    points: list[Point] = field(default_factory=list)
    _changed: Condition = field(default_factory=Condition)

    def take(self, path: str, body: bytes) -> None:
        with self._changed:
            if path == "/v1/traces":
                self.spans += _spans(ExportTraceServiceRequest.FromString(body))
            else:
                self.points += _points(ExportMetricsServiceRequest.FromString(body))
            self._changed.notify_all()

    def spans_until(self, enough: Callable[[list[ReceivedSpan]], bool], seconds: float) -> list[ReceivedSpan]:
        """The spans once they are enough, or those that came in this time."""
        with self._changed:
            self._changed.wait_for(lambda: enough(self.spans), seconds)
            return list(self.spans)

    def points_until(self, enough: Callable[[list[Point]], bool], seconds: float) -> list[Point]:
        """The points once they are enough, or those that came in this time."""
        with self._changed:
            self._changed.wait_for(lambda: enough(self.points), seconds)
            return list(self.points)


@contextmanager
def collecting() -> Iterator[Collector]:
    """A collector on a free port."""
    collector = Collector()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            assert self.headers["Content-Type"] == "application/x-protobuf"
            collector.take(self.path, gzip.decompress(body) if self.headers["Content-Encoding"] == "gzip" else body)
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        collector.url = f"http://127.0.0.1:{server.server_port}"
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield collector
        finally:
            server.shutdown()
            thread.join()


def _spans(request: ExportTraceServiceRequest) -> Iterator[ReceivedSpan]:
    for resource in request.resource_spans:
        service = _plain(resource.resource.attributes)["service.name"]
        for scope in resource.scope_spans:
            for span in scope.spans:
                yield ReceivedSpan(
                    service,
                    span.name,
                    span.trace_id.hex(),
                    span.span_id.hex(),
                    span.parent_span_id.hex(),
                    (span.end_time_unix_nano - span.start_time_unix_nano) / 1e9,
                    _plain(span.attributes),
                    tuple(link.span_id.hex() for link in span.links),
                )


def _points(request: ExportMetricsServiceRequest) -> Iterator[Point]:
    for resource in request.resource_metrics:
        service = _plain(resource.resource.attributes)["service.name"]
        for scope in resource.scope_metrics:
            for metric in scope.metrics:
                for histogram in metric.histogram.data_points:
                    labels = _plain(histogram.attributes)
                    yield Point(service, metric.name, metric.unit, labels, float(histogram.count))
                for number in metric.sum.data_points:
                    yield Point(service, metric.name, metric.unit, _plain(number.attributes), float(number.as_int))


def _plain(attributes: Any) -> dict[str, Any]:
    found: dict[str, Any] = {}
    each: KeyValue
    for each in attributes:
        kind = each.value.WhichOneof("value")
        found[each.key] = getattr(each.value, kind) if kind else None
    return found
