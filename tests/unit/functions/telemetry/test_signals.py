import inspect

from functions import telemetry
from functions.telemetry.otel import OpenTelemetry
from functions.telemetry.signals import Telemetry


def test_nothing_is_told_to_anybody_by_default() -> None:
    assert type(telemetry.active) is Telemetry
    with telemetry.active.request("POST", "/predict", {}) as request:
        request.answered(200)
        with telemetry.active.sending("train") as sending:
            assert sending.traceparent is None
    assert telemetry.active.current() is None


def test_every_signal_is_implemented() -> None:
    signals = {name for name, _ in inspect.getmembers(Telemetry, inspect.isfunction)}
    assert signals <= set(vars(OpenTelemetry))


def test_steps_that_nobody_watches_are_one_object() -> None:
    steps = {
        id(telemetry.active.request("POST", "/predict", {})),
        id(telemetry.active.sending("train")),
        id(telemetry.active.step("load", "wine")),
        id(telemetry.active.call([])),
    }
    assert len(steps) == 1
