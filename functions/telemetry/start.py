"""Whether there is an address for traces and metrics, by the standard variables of OpenTelemetry and of Azure Monitor.

OTLP goes by HTTP with protobuf. The SDK reads the other variables itself: headers, service, sampler, intervals.
"""

import logging
from collections.abc import Collection, Mapping

from functions import telemetry
from functions.telemetry.names import OTLP_METRICS, OTLP_TRACES

logger = logging.getLogger(__name__)

AZURE = "APPLICATIONINSIGHTS_CONNECTION_STRING"


def start(environ: Mapping[str, str], model_types: Collection[str]) -> None:
    """Send traces and metrics from now on if there is an address for them. The SDK is imported then only."""
    if environ.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return
    otlp, azure = any(environ.get(name) for name in OTLP_TRACES + OTLP_METRICS), bool(environ.get(AZURE))
    if not (otlp or azure):
        return
    try:
        from functions.telemetry.providers import open_telemetry

        telemetry.active = open_telemetry(environ, model_types, otlp=otlp, azure=azure)
    except ImportError as error:
        logger.error("no traces and no metrics: %s is not installed", error.name)
    except ValueError as error:  # the SDK's word for a setting that it cannot use
        logger.error("no traces and no metrics: %s", error)
    except Exception:  # the app answers without telemetry too
        logger.exception("no traces and no metrics")
