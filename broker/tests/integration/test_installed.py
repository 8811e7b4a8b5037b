"""The broker as others install it: from a wheel, away from a checkout."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
DEADLINE = 120

USE = """
import servicebus_broker.testing as testing
from azure.servicebus import ServiceBusClient, ServiceBusMessage

print(testing.__file__)
with testing.running_broker() as bus, ServiceBusClient.from_connection_string(bus.connection_string) as client:
    with client.get_queue_sender(bus.create_queue()) as sender:
        sender.send_messages(ServiceBusMessage("hello"))
"""


def test_a_wheel_has_all_that_the_broker_needs(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True, timeout=DEADLINE)
    (wheel,) = tmp_path.glob("*.whl")
    installed = tmp_path / "installed"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(installed)
    environ = {**os.environ, "PYTHONPATH": str(installed)}
    used = subprocess.run(
        [sys.executable, "-c", USE],
        cwd=tmp_path,
        env=environ,
        capture_output=True,
        text=True,
        timeout=DEADLINE,
        check=True,
    )
    assert used.stdout.strip() == str(installed / "broker/testing.py")
    assert (installed / "ondemand/servicebus.json").is_file()
    (scripts,) = installed.glob("*.dist-info/entry_points.txt")
    assert "ondemand = ondemand.cli:app" in scripts.read_text()
