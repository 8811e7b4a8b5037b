"""The providers of OpenTelemetry and their exporters."""

import logging
import os
import socket
from collections.abc import Callable, Collection, Iterator, Mapping

from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import MetricExporter, PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter

from functions import __version__
from functions.telemetry.instruments import Instruments
from functions.telemetry.last_export import LastExport
from functions.telemetry.names import OTLP_METRICS, OTLP_TRACES
from functions.telemetry.otel import OpenTelemetry

logger = logging.getLogger(__name__)

SCOPE = "mlflow-ondemand"
GRPC = "grpc"
REPORTS_TO_MICROSOFT = (
    "APPLICATIONINSIGHTS_STATSBEAT_DISABLED_ALL",
    "APPLICATIONINSIGHTS_SDKSTATS_DISABLED",
    "APPLICATIONINSIGHTS_CONTROLPLANE_DISABLED",
)
"""Off, unless the environment says otherwise: the exporter's reports on itself, and its asking how to behave, at
addresses that no NetworkPolicy of ours opens."""


def open_telemetry(
    environ: Mapping[str, str],
    model_types: Collection[str],
    *,
    otlp: bool,
    azure: bool,
    at_end: Callable[..., object] = LastExport,
) -> OpenTelemetry:
    """Exports to OTLP, to Azure Monitor, or to both, until the process ends."""
    exporters = list(_exporters(environ, otlp, azure))
    resource = _resource(environ)
    tracers = TracerProvider(resource=resource, shutdown_on_exit=False)
    for exporter in exporters:
        if isinstance(exporter, SpanExporter) and environ.get("OTEL_TRACES_EXPORTER") != "none":
            tracers.add_span_processor(BatchSpanProcessor(exporter))
    readers = [
        PeriodicExportingMetricReader(exporter)
        for exporter in exporters
        if isinstance(exporter, MetricExporter) and environ.get("OTEL_METRICS_EXPORTER") != "none"
    ]
    meters = MeterProvider(readers, resource, shutdown_on_exit=False)
    at_end(tracers.shutdown, meters.shutdown)
    # The exporters warn of each try; that an export failed in the end is an error.
    logging.getLogger("opentelemetry.exporter").setLevel(logging.ERROR)
    instruments = Instruments(meters.get_meter(SCOPE, __version__), model_types)
    return OpenTelemetry(tracers.get_tracer(SCOPE, __version__), instruments)


def _resource(environ: Mapping[str, str]) -> Resource:
    """What OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES say, and what we know where they say nothing."""
    given = Resource.create()
    ours = Resource({"service.version": __version__, "service.instance.id": f"{socket.gethostname()}-{os.getpid()}"})
    is_named = not str(given.attributes["service.name"]).startswith("unknown_service")
    # A Deployment picks its functions by such variables; the first one tells it from the others.
    function = environ.get("AzureFunctionsJobHost__functions__0")
    name = f"{SCOPE}-{function}" if function else SCOPE
    return ours.merge(given if is_named else given.merge(Resource({"service.name": name})))


def _exporters(environ: Mapping[str, str], otlp: bool, azure: bool) -> Iterator[SpanExporter | MetricExporter]:
    if otlp and environ.get("OTEL_EXPORTER_OTLP_PROTOCOL", "") == GRPC:
        logger.error(
            "no traces and no metrics by OTLP: OTEL_EXPORTER_OTLP_PROTOCOL is grpc, it has to be http/protobuf"
        )
    elif otlp:
        yield from _otlp(environ)
    if azure:
        yield from _azure()


def _otlp(environ: Mapping[str, str]) -> Iterator[SpanExporter | MetricExporter]:
    """Of the signals that have an address. The SDK would send the others to one on this machine."""
    from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

    if any(environ.get(name) for name in OTLP_TRACES):
        yield OTLPSpanExporter()
    if any(environ.get(name) for name in OTLP_METRICS):
        yield OTLPMetricExporter()


def _azure() -> Iterator[SpanExporter | MetricExporter]:
    """What cannot be sent is dropped, not kept on disk: the file system of the image is read-only."""
    for name in REPORTS_TO_MICROSOFT:
        os.environ.setdefault(name, "true")
    from azure.monitor.opentelemetry.exporter import AzureMonitorMetricExporter, AzureMonitorTraceExporter

    yield AzureMonitorTraceExporter(disable_offline_storage=True)
    yield AzureMonitorMetricExporter(disable_offline_storage=True)
