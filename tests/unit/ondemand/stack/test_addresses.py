"""Ports and addresses of the parts."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from ondemand.stack.addresses import Ports, addresses, usable_port


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield int(listening.getsockname()[1])


def test_a_taken_port_is_replaced_and_said_so(taken: int) -> None:
    said: list[tuple[str, str]] = []
    ports = Ports({"predict": taken}, lambda part, state: said.append((part, state)))
    assert ports["predict"] != taken
    assert said == [("predict", f"port {taken} is taken, using {ports['predict']}")]


def test_a_free_port_is_taken_as_wished() -> None:
    wanted = usable_port(0)
    assert Ports({"predict": wanted}, lambda part, state: pytest.fail(state))["predict"] == wanted


def test_a_part_keeps_its_port() -> None:
    ports = Ports({}, lambda part, state: pytest.fail(state))
    assert ports["broker"] == ports["broker"]
    assert ports.url("mlflow") == f"http://127.0.0.1:{ports['mlflow']}"


def test_addresses_from_outside_are_taken_as_they_are(tmp_path: Path) -> None:
    outside = {
        "SERVICEBUS_CONNECTION": "Endpoint=sb://real.servicebus.windows.net/;x=y",
        "MLFLOW_TRACKING_URI": "databricks",
        "DATABRICKS_HOST": "https://adb-1.azuredatabricks.net",
        "OPERATIONS_URL": "az://operations",
    }
    found = addresses(Ports({}, lambda part, state: None), outside, tmp_path)
    assert found.servicebus_connection == outside["SERVICEBUS_CONNECTION"]
    assert (found.mlflow, found.databricks, found.operations) == tuple(outside.values())[1:]


def test_own_addresses_are_on_this_machine(tmp_path: Path) -> None:
    ports = Ports({}, lambda part, state: None)
    found = addresses(ports, {"OPERATIONS_URL": ""}, tmp_path)
    assert f"sb://127.0.0.1:{ports['broker']};" in found.servicebus_connection
    assert f"SharedAccessKey={(tmp_path / 'broker' / 'key').read_text()};" in found.servicebus_connection
    given = addresses(ports, {"SERVICEBUS_BROKER_KEY": "mine"}, tmp_path)
    assert "SharedAccessKey=mine;" in given.servicebus_connection
    assert found.mlflow == ports.url("mlflow")
    assert found.operations == (tmp_path / "operations").as_uri()
