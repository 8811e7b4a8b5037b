"""A broker process for the length of a test run: for any test framework, and for the pytest plugin."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import TypedDict, Unpack

try:
    from azure.core.exceptions import ResourceNotFoundError
    from azure.servicebus.management import ServiceBusAdministrationClient
except ImportError as error:
    raise ImportError(
        f"{__name__} and the pytest fixtures need azure-servicebus: pip install 'servicebus-broker[pytest]'"
    ) from error

START_TIMEOUT = 60.0  # seconds; a machine that runs many tests at once is slow
STOP_TIMEOUT = 30.0


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
    """A running broker: the addresses that clients need, and queues created on request.

    ``administration_connection_string`` and ``certificate`` (the ``connection_verify`` of an administration client) are
    for clients of your own; ``administration`` is one that is connected already.
    """

    connection_string: str
    administration_connection_string: str
    certificate: str
    administration: ServiceBusAdministrationClient
    _created: list[str] = field(default_factory=list, init=False, repr=False, compare=False)

    def create_queue(self, name: str | None = None, **properties: Unpack[QueueProperties]) -> str:
        """Create a queue, under a new name unless one is given; returns the name.

        Raises TypeError for a property that is not in `QueueProperties`, and what the administration client raises.
        """
        # The client passes a keyword that it does not know to its transport, whose error message does not help.
        if unknown := sorted(properties.keys() - QueueProperties.__annotations__.keys()):
            raise TypeError(f"a queue has no property {', '.join(unknown)}")
        name = name or f"queue-{uuid.uuid4().hex[:12]}"
        self.administration.create_queue(name, **properties)
        self._created.append(name)
        return name

    @contextmanager
    def for_one_test(self) -> Iterator[ServiceBus]:
        """The same broker; queues created through this one are deleted when the context ends."""
        bus = replace(self)
        try:
            yield bus
        finally:
            for name in bus._created:
                # The test may have deleted it itself.
                with suppress(ResourceNotFoundError):
                    self.administration.delete_queue(name)


@contextmanager
def running_broker(config: Path | None = None) -> Iterator[ServiceBus]:
    """A broker in memory, on free ports; it ends with the context, and with this process however that ends.

    ``config`` is a file in the format of the official emulator; without one there are no queues yet. Raises
    RuntimeError, with the broker's error message, if it does not start.
    """
    with tempfile.TemporaryDirectory(prefix="servicebus-") as name:
        folder = Path(name)
        options = ["--memory", "--port", "0", "--https-port", "0", "--end-with-parent"]
        if config is not None:
            options += ["--config", str(config)]
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
    # If the broker neither serves nor ends, it is killed, and the line is empty.
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
