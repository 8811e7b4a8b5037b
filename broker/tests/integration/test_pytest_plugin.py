"""The pytest fixtures, in a pytest run of their own."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from servicebus_broker.testing import running_broker

pytest_plugins = ["pytester"]

DEADLINE = 60
ROOT = Path(__file__).parents[2]

# Other plugins of this environment stay out of the run; this one is named by its entry point.
PLUGIN = ("-p", "servicebus_broker")
TESTS = """
import pytest
from azure.core.exceptions import ResourceExistsError
from azure.servicebus import ServiceBusClient, ServiceBusMessage

seen = []


def exchange(bus, queue, **options):
    with ServiceBusClient.from_connection_string(bus.connection_string, retry_total=0) as client:
        with client.get_queue_sender(queue) as sender:
            sender.send_messages(ServiceBusMessage("hello", **options))
        with client.get_queue_receiver(queue, **options) as receiver:
            (message,) = receiver.receive_messages(max_wait_time=30)
            receiver.complete_message(message)
            return str(message)


def test_each_test_has_a_new_queue(servicebus, servicebus_queue):
    seen.append(servicebus_queue)
    assert exchange(servicebus, servicebus_queue) == "hello"


@pytest.mark.servicebus_queue(requires_session=True)
def test_properties_by_marker(servicebus, servicebus_queue):
    assert servicebus_queue not in seen
    assert servicebus.administration.get_queue(servicebus_queue).requires_session
    assert exchange(servicebus, servicebus_queue, session_id="one") == "hello"


def test_named_queues(servicebus):
    servicebus.create_queue("orders", max_delivery_count=3)
    assert servicebus.administration.get_queue("orders").max_delivery_count == 3
    with pytest.raises(ResourceExistsError):
        servicebus.create_queue("orders")
    with pytest.raises(TypeError, match="a queue has no property max_deliver_count"):
        servicebus.create_queue(max_deliver_count=3)


def test_queues_of_a_test_are_deleted_when_it_ends(servicebus):
    names = [queue.name for queue in servicebus.administration.list_queues()]
    assert names == ["from-the-file"]
"""
CONFIG = '{"UserConfig": {"Namespaces": [{"Name": "n", "Queues": [{"Name": "from-the-file"}]}]}}'
ENDLESS = """
import pathlib, psutil, time

def test_endless(servicebus):
    (broker,) = psutil.Process().children()
    pathlib.Path("broker-pid.part").write_text(str(broker.pid))
    pathlib.Path("broker-pid.part").rename("broker-pid")
    time.sleep(600)
"""


def test_the_fixtures(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    pytester.makeini("[pytest]\nservicebus_config = queues.json\naddopts = --strict-markers -W error")
    pytester.path.joinpath("queues.json").write_text(CONFIG)
    pytester.makepyfile(TESTS)
    pytester.runpytest_subprocess(*PLUGIN, timeout=DEADLINE).assert_outcomes(passed=4)


def test_a_killed_run_leaves_no_broker(tmp_path: Path) -> None:
    tmp_path.joinpath("test_endless.py").write_text(ENDLESS)
    run = subprocess.Popen(
        [sys.executable, "-m", "pytest", "-q", *PLUGIN, "-p", "no:cacheprovider", str(tmp_path)],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        stdout=subprocess.DEVNULL,
    )
    pid = tmp_path / "broker-pid"
    while not pid.exists():
        assert run.poll() is None, "the run ended before its test began"
        try:
            run.wait(0.05)
        except subprocess.TimeoutExpired:
            continue
    broker = psutil.Process(int(pid.read_text()))
    run.send_signal(signal.SIGKILL)
    run.wait(DEADLINE)
    _, alive = psutil.wait_procs([broker], timeout=DEADLINE)
    assert alive == []


def test_error_of_a_failed_start_is_raised(tmp_path: Path) -> None:
    config = tmp_path / "config.json"
    config.write_text("{}")
    with pytest.raises(RuntimeError, match="not a configuration of the Service Bus emulator"), running_broker(config):
        pass
