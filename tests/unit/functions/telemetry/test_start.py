"""Whether telemetry is on, by the environment. Each check runs in a fresh interpreter."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[4]
NOBODY = "http://127.0.0.1:1"
CODE = """
import os, sys
import function_app
from functions import telemetry
print(type(telemetry.active).__name__, "opentelemetry" in sys.modules, "azure.monitor.opentelemetry" in sys.modules)
os._exit(0)  # there is no collector, for which the end would wait
"""


def started(code: str = CODE, **environ: str) -> str:
    clean = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "LANG")}
    done = subprocess.run(
        [sys.executable, "-u", "-c", code], cwd=ROOT, env=clean | environ, capture_output=True, text=True, check=True
    )
    return done.stderr + done.stdout


def test_nothing_is_imported_without_an_address() -> None:
    assert started() == "Telemetry False False\n"


@pytest.mark.parametrize("name", ["OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"])
def test_otlp_address_turns_it_on(name: str) -> None:
    assert started(**{name: NOBODY}) == "OpenTelemetry True False\n"


def test_connection_string_of_application_insights_turns_it_on() -> None:
    connection = f"InstrumentationKey=00000000-0000-0000-0000-000000000000;IngestionEndpoint={NOBODY}/"
    assert started(APPLICATIONINSIGHTS_CONNECTION_STRING=connection).endswith("OpenTelemetry True True\n")


def test_sdk_can_be_disabled() -> None:
    assert started(OTEL_EXPORTER_OTLP_ENDPOINT=NOBODY, OTEL_SDK_DISABLED="true") == "Telemetry False False\n"


def test_missing_package_and_wrong_setting_are_told_and_the_app_starts() -> None:
    missing = "import sys; sys.modules['opentelemetry.sdk.trace'] = None\n" + CODE
    text = started(missing, OTEL_EXPORTER_OTLP_ENDPOINT=NOBODY)
    assert "no traces and no metrics: opentelemetry.sdk.trace is not installed" in text
    assert "Telemetry True" in text
    text = started(APPLICATIONINSIGHTS_CONNECTION_STRING="nonsense")
    assert "no traces and no metrics: " in text
    assert "Telemetry True" in text


def test_app_starts_whatever_telemetry_raises() -> None:
    broken = """
import functions.telemetry.providers as providers
def raises(*_, **__): raise OSError("no threads left")
providers.open_telemetry = raises
"""
    text = started(broken + CODE, OTEL_EXPORTER_OTLP_ENDPOINT=NOBODY)
    assert "no traces and no metrics" in text
    assert "no threads left" in text
    assert "Telemetry True" in text


def test_grpc_is_told_to_be_impossible() -> None:
    text = started(OTEL_EXPORTER_OTLP_ENDPOINT=NOBODY, OTEL_EXPORTER_OTLP_PROTOCOL="grpc")
    assert "OTEL_EXPORTER_OTLP_PROTOCOL is grpc, it has to be http/protobuf" in text
