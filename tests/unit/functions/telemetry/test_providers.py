"""What leaves the process, as a collector and as Application Insights receive it."""

import gzip
import json
import logging
import os
from collections.abc import Callable, Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import Queue
from threading import Thread
from typing import Any

import pytest

from functions.telemetry.names import DEAD_LETTERS
from functions.telemetry.otel import OpenTelemetry
from functions.telemetry.providers import REPORTS_TO_MICROSOFT, open_telemetry
from tests.harness.collector import Collector, collecting

RECEIVED_S = 60
SAMPLED = 1
Opened = Callable[..., OpenTelemetry]
KEY = "11111111-2222-3333-4444-555555555555"


@pytest.fixture(autouse=True)
def environ(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Soon, and without what this process was given."""
    for name in (name for name in os.environ if name.startswith(("OTEL_", "APPLICATIONINSIGHTS_"))):
        monkeypatch.delenv(name)
    for name in REPORTS_TO_MICROSOFT:
        monkeypatch.setenv(name, "true")
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "100")
    monkeypatch.setenv("OTEL_METRIC_EXPORT_INTERVAL", "100")
    exporters = logging.getLogger("opentelemetry.exporter")
    level = exporters.level
    yield
    exporters.setLevel(level)


@pytest.fixture
def opened() -> Iterator[Opened]:
    """Opens telemetry that ends with the test; the last argument of a test, as its receiver has to outlive it."""
    ends: list[Callable[[], object]] = []
    yield partial(open_telemetry, os.environ, ("wine",), at_end=lambda *calls: ends.extend(calls))
    for end in ends:
        end()


@pytest.fixture
def collector() -> Iterator[Collector]:
    with collecting() as running:
        yield running


@pytest.fixture
def insights() -> Iterator[tuple[str, "Queue[dict[str, Any]]"]]:
    """The ingestion endpoint of Application Insights: its address, and the envelopes that it takes."""
    envelopes: Queue[dict[str, Any]] = Queue()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            items = json.loads(gzip.decompress(body) if self.headers["Content-Encoding"] == "gzip" else body)
            for item in items:
                envelopes.put(item)
            answer = json.dumps({"itemsReceived": len(items), "itemsAccepted": len(items), "errors": []}).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", envelopes
        finally:
            server.shutdown()
            thread.join()


def test_collector_receives_spans_and_metrics(
    collector: Collector, monkeypatch: pytest.MonkeyPatch, opened: Opened
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
    monkeypatch.setenv("OTEL_SERVICE_NAME", "runner")
    telemetry = opened(otlp=True, azure=False)
    with telemetry.sending("train"):
        pass
    telemetry.count(DEAD_LETTERS, "train")
    assert collector.spans_until(bool, RECEIVED_S)[0].service == "runner"
    point = collector.points_until(bool, RECEIVED_S)[0]
    assert (point.service, point.unit, point.value) == ("runner", "{message}", 1)
    assert point.labels == {"messaging.destination.name": "train"}


@pytest.mark.parametrize(
    ("attributes", "service"), [("", "mlflow-ondemand-train"), ("service.name=named,service.version=9", "named")]
)
def test_service_has_a_name(
    collector: Collector, monkeypatch: pytest.MonkeyPatch, attributes: str, service: str, opened: Opened
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", attributes)
    monkeypatch.setenv("AzureFunctionsJobHost__functions__0", "train")
    with opened(otlp=True, azure=False).sending("train"):
        pass
    assert collector.spans_until(bool, RECEIVED_S)[0].service == service


def test_metrics_can_be_left_out(collector: Collector, monkeypatch: pytest.MonkeyPatch, opened: Opened) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
    monkeypatch.setenv("OTEL_METRICS_EXPORTER", "none")
    telemetry = opened(otlp=True, azure=False)
    telemetry.count(DEAD_LETTERS, "train")
    with telemetry.sending("train"):
        pass
    assert collector.spans_until(bool, RECEIVED_S)[0].service == "mlflow-ondemand"
    assert collector.points == []


@pytest.mark.parametrize("signal", ["TRACES", "METRICS"])
def test_address_of_one_signal_is_no_address_of_the_other(
    signal: str, collector: Collector, monkeypatch: pytest.MonkeyPatch, opened: Opened, caplog: pytest.LogCaptureFixture
) -> None:
    """An exporter of the other one would fail for ever at http://localhost:4318, its default."""
    monkeypatch.setenv(f"OTEL_EXPORTER_OTLP_{signal}_ENDPOINT", f"{collector.url}/v1/{signal.lower()}")
    ends: list[Callable[[], object]] = []
    telemetry = opened(otlp=True, azure=False, at_end=lambda *calls: ends.extend(calls))
    with telemetry.sending("train"):
        pass
    telemetry.count(DEAD_LETTERS, "train")
    for end in ends:
        end()  # which exports
    assert (bool(collector.spans), bool(collector.points)) == (signal == "TRACES", signal == "METRICS")
    assert caplog.messages == []


def test_nothing_is_recorded_where_no_trace_is_sampled(
    collector: Collector, monkeypatch: pytest.MonkeyPatch, opened: Opened
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "always_off")
    telemetry = opened(otlp=True, azure=False)
    with telemetry.sending("train") as sending:
        assert sending.traceparent is not None
        assert int(sending.traceparent[-2:], 16) & SAMPLED == 0
    telemetry.count(DEAD_LETTERS, "train")
    assert collector.points_until(bool, RECEIVED_S)
    assert collector.spans == []


def test_application_insights_receives_requests_and_metrics(
    insights: tuple[str, "Queue[dict[str, Any]]"], monkeypatch: pytest.MonkeyPatch, opened: Opened
) -> None:
    address, envelopes = insights
    monkeypatch.setenv(
        "APPLICATIONINSIGHTS_CONNECTION_STRING", f"InstrumentationKey={KEY};IngestionEndpoint={address}/"
    )
    telemetry = opened(otlp=False, azure=True)
    with telemetry.request("POST", "/predict", {}) as request:
        request.answered(200)
    wanted = {"Microsoft.ApplicationInsights.Request", "Microsoft.ApplicationInsights.Metric"}
    received: dict[str, dict[str, Any]] = {}
    while not wanted <= set(received):
        envelope = envelopes.get(timeout=RECEIVED_S)
        received[envelope["name"]] = envelope
    request_data = received["Microsoft.ApplicationInsights.Request"]
    assert request_data["iKey"] == KEY
    assert request_data["data"]["baseData"]["name"] == "POST /predict"
    assert request_data["tags"]["ai.cloud.role"] == "mlflow-ondemand"
