"""Administration and the broker's process: persistence, the certificate, the end."""

import socket
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from azure.core.exceptions import ResourceNotFoundError, ServiceRequestError
from azure.servicebus import ServiceBusClient, ServiceBusMessage
from azure.servicebus.management import ServiceBusAdministrationClient

from servicebus_broker.administration.endpoint import Endpoint, find_endpoint
from tests.integration.conftest import QUEUES, START_TIMEOUT, RunningBroker, start_broker

WAIT = 30


def administer(broker: RunningBroker) -> ServiceBusAdministrationClient:
    return ServiceBusAdministrationClient.from_connection_string(
        broker.administration, connection_verify=broker.certificate, retry_total=0
    )


@pytest.fixture
def brokers(tmp_path: Path) -> Iterator[list[RunningBroker]]:
    """Brokers that a test has started; killed at its end."""
    started: list[RunningBroker] = []
    yield started
    for each in started:
        each.process.kill()
        each.process.wait(START_TIMEOUT)


def test_queue_definitions_survive_a_kill(tmp_path: Path, brokers: list[RunningBroker]) -> None:
    options = ("--data", str(tmp_path / "data"))
    brokers.append(start_broker(tmp_path, *options))
    with administer(brokers[0]) as administration:
        queue = administration.create_queue("kept", max_delivery_count=3, user_metadata="mine")
        administration.update_queue(queue, max_delivery_count=4)
        administration.create_queue("dropped")
        administration.delete_queue("dropped")
        administration.delete_queue("plain")
        administration.update_queue(administration.get_queue("once"), max_delivery_count=99)
        with (
            ServiceBusClient.from_connection_string(brokers[0].connection_string) as client,
            client.get_queue_sender("kept") as sender,
        ):
            sender.send_messages(ServiceBusMessage("kept too"))
        brokers[0].process.kill()
        brokers[0].process.wait(START_TIMEOUT)
    brokers.append(start_broker(tmp_path, *options))
    assert brokers[1].certificate == brokers[0].certificate
    with administer(brokers[1]) as administration:
        kept = administration.get_queue("kept")
        assert (kept.max_delivery_count, kept.user_metadata) == (4, "mine")
        assert administration.get_queue_runtime_properties("kept").active_message_count == 1
        with pytest.raises(ResourceNotFoundError):
            administration.get_queue("dropped")
        # A configured queue is reset to its configuration at every start.
        assert {each.name for each in administration.list_queues()} == {*QUEUES, "kept"}
        assert administration.get_queue("once").max_delivery_count == 10
        administration.delete_queue("kept")
    assert brokers[1].stop() == 0
    brokers.append(start_broker(tmp_path, *options))
    with administer(brokers[2]) as administration, pytest.raises(ResourceNotFoundError):
        administration.get_queue("kept")


def test_certificate_is_written_to_the_given_file_without_the_key(tmp_path: Path, brokers: list[RunningBroker]) -> None:
    certificate = tmp_path / "public" / "broker.pem"
    brokers.append(start_broker(tmp_path, "--data", str(tmp_path / "data"), "--cert", str(certificate)))
    assert brokers[0].certificate == str(certificate)
    assert certificate.read_bytes().count(b"BEGIN") == 1
    with administer(brokers[0]) as administration:
        assert administration.get_queue("plain").name == "plain"
    assert brokers[0].stop() == 0
    keys = [path for path in tmp_path.rglob("*") if path.is_file() and b"PRIVATE KEY" in path.read_bytes()]
    assert [stat.S_IMODE(path.stat().st_mode) for path in keys] == [0o600]


def test_a_running_broker_can_be_found_by_its_data_folder(tmp_path: Path, brokers: list[RunningBroker]) -> None:
    data = tmp_path / "data"
    assert find_endpoint(data) is None
    brokers.append(start_broker(tmp_path, "--data", str(data)))
    assert find_endpoint(data) == Endpoint(brokers[0].administration, brokers[0].certificate)
    assert brokers[0].stop() == 0
    assert find_endpoint(data) is None


def test_in_memory_no_files_are_left(tmp_path: Path, brokers: list[RunningBroker]) -> None:
    brokers.append(start_broker(tmp_path, "--memory"))
    certificate = Path(brokers[0].certificate)
    assert certificate.exists()
    assert brokers[0].stop() == 0
    assert not certificate.parent.exists()


def test_given_port_is_used(tmp_path: Path, brokers: list[RunningBroker]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    brokers.append(start_broker(tmp_path, "--memory", "--https-port", str(port)))
    assert f"sb://127.0.0.1:{port};" in brokers[0].administration


def test_administration_can_be_left_out(tmp_path: Path, brokers: list[RunningBroker]) -> None:
    brokers.append(start_broker(tmp_path, "--memory", "--no-https"))
    assert (brokers[0].administration, brokers[0].certificate) == ("", "")


def test_stop_with_connected_clients_is_orderly(tmp_path: Path, brokers: list[RunningBroker]) -> None:
    brokers.append(start_broker(tmp_path, "--data", str(tmp_path / "data")))
    with administer(brokers[0]) as administration:
        administration.get_queue("plain")
        assert brokers[0].stop() == 0
        with pytest.raises(ServiceRequestError):
            administration.get_queue("plain")
