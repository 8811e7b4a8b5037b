"""A broker for the length of a test run, in a process of its own: from any test framework, or by the pytest plugin."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TypedDict, Unpack

from azure.servicebus.management import ServiceBusAdministrationClient

START_TIMEOUT = 60.0  # seconds; a machine that runs many tests at once is slow
STOP_TIMEOUT = 30.0
_NO_QUEUES = '{"UserConfig": {"Namespaces": [{"Name": "tests", "Queues": []}]}}'


class QueueProperties(TypedDict, total=False):
    """The properties of a queue, as `ServiceBusAdministrationClient.create_queue` takes them."""

    lock_duration: timedelta | str
    max_delivery_count: int
    requires_session: bool
    requires_duplicate_detection: bool
    duplicate_detection_history_time_window: timedelta | str
    default_message_time_to_live: timedelta | str
    dead_lettering_on_message_expiration: bool
    forward_to: str
    forward_dead_lettered_messages_to: str
    max_size_in_megabytes: int
    max_message_size_in_kilobytes: int
    auto_delete_on_idle: timedelta | str
    user_metadata: str
    enable_batched_operations: bool
    enable_express: bool
    enable_partitioning: bool


@dataclass(frozen=True)
class ServiceBus:
    """A broker that runs: what clients need, and queues made to measure.

    ``administration_connection_string`` and ``certificate`` (the ``connection_verify`` of an administration client) are
    for clients of your own; ``administration`` is one that is connected already.
    """

    connection_string: str
    administration_connection_string: str
    certificate: str
    administration: ServiceBusAdministrationClient

    def create_queue(self, name: str | None = None, **properties: Unpack[QueueProperties]) -> str:
        """Create a queue, under a name of its own unless one is given; returns the name.

        Raises TypeError for what is not among `QueueProperties`, and what the administration client raises.
        """
        # The client hands on what it does not know, down to its transport, whose complaint says little.
        if unknown := sorted(properties.keys() - QueueProperties.__annotations__.keys()):
            raise TypeError(f"a queue has no property {', '.join(unknown)}")
        name = name or f"queue-{uuid.uuid4().hex[:12]}"
        self.administration.create_queue(name, **properties)
        return name


@contextmanager
def running_broker(config: Path | None = None) -> Iterator[ServiceBus]:
    """A broker in memory, on free ports; it ends with the context, and with this process however that ends.

    ``config`` is a file in the format of the official emulator; without one there are no queues yet. Raises
    RuntimeError, with the broker's own words, if it does not start.
    """
    with tempfile.TemporaryDirectory(prefix="servicebus-") as name:
        folder = Path(name)
        if config is None:
            config = folder / "servicebus.json"
            config.write_text(_NO_QUEUES)
        options = ("--memory", "--port", "0", "--https-port", "0", "--config", str(config), "--end-with-parent")
        with (folder / "log").open("w+b") as log:
            process = subprocess.Popen(  # noqa: S603  # our own module
                [sys.executable, "-m", "servicebus_broker", *options],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
            )
            try:
                addresses = _ready_line(process, folder / "log")
                with _connect(addresses) as bus:
                    yield bus
            finally:
                _stop(process)


@contextmanager
def _connect(addresses: dict[str, str]) -> Iterator[ServiceBus]:
    administration, certificate = addresses["administration"], addresses["certificate"]
    with ServiceBusAdministrationClient.from_connection_string(administration, connection_verify=certificate) as client:
        yield ServiceBus(addresses["connection_string"], administration, certificate, client)


def _ready_line(process: subprocess.Popen[bytes], log: Path) -> dict[str, str]:
    if process.stdout is None:
        raise RuntimeError("started without a pipe")
    # A broker that neither serves nor ends is killed, and then the line is empty.
    patience = threading.Timer(START_TIMEOUT, process.kill)
    patience.start()
    try:
        line = process.stdout.readline().decode()
    finally:
        patience.cancel()
    if not line.startswith("ready "):
        raise RuntimeError(f"the broker ended with {process.wait()}: {log.read_text(errors='replace').strip()}")
    addresses: dict[str, str] = json.loads(line.removeprefix("ready "))
    return addresses


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(STOP_TIMEOUT)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            pipe.close()
