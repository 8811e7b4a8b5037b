from pathlib import Path

import pytest

from ondemand.stack.addresses import Ports, addresses
from ondemand.stack.specs import INFRASTRUCTURE, Specs


def specs(data: Path, otel: str | None, environ: dict[str, str] | None = None) -> Specs:
    ports = Ports({}, lambda part, state: None)
    return Specs(data, ports, addresses(ports, {}, data), environ or {}, (), otel)


@pytest.mark.parametrize("deployment", ["predict", "train", "run-model"])
def test_each_host_is_a_service_of_the_collector(tmp_path: Path, deployment: str) -> None:
    environ = specs(tmp_path, "http://127.0.0.1:4318").host(f"{deployment}-2", deployment).environ
    assert environ["OTEL_EXPORTER_OTLP_ENDPOINT"] == "http://127.0.0.1:4318"
    assert environ["OTEL_EXPORTER_OTLP_PROTOCOL"] == "http/protobuf"
    assert environ["OTEL_SERVICE_NAME"] == f"{deployment}-2"


@pytest.mark.parametrize("part", INFRASTRUCTURE)
def test_other_parts_are_not_told_the_collector(tmp_path: Path, part: str) -> None:
    environ = specs(tmp_path, "http://127.0.0.1:4318").infrastructure(part).environ
    assert not [name for name in environ if name.startswith("OTEL_")]


def test_hosts_are_told_nothing_without_a_collector(tmp_path: Path) -> None:
    environ = specs(tmp_path, None, {"OTEL_TRACES_SAMPLER": "always_off"}).host("predict", "predict").environ
    assert {name for name in environ if name.startswith("OTEL_")} == {"OTEL_TRACES_SAMPLER"}
