"""Addresses of the parts of a stack, and those of the services used in their place."""

import secrets
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from servicebus_broker.addresses import connection_string
from servicebus_broker.key_file import key_in

HOST = "127.0.0.1"
OPERATIONS = "operations"
"""The operation store in the data folder."""
BROKER_KEY = "SERVICEBUS_BROKER_KEY"
"""The environment variable with the key of the broker; without it the key is that of the broker's data folder."""
FREE_PORTS = range(15_000, 32_000)
USUAL_PORTS = {"broker": 5672, "mlflow": 5000, "databricks": 8081, "predict": 7071, "train": 7072, "run-model": 7073}
EXTERNAL = {"broker": "SERVICEBUS_CONNECTION", "mlflow": "MLFLOW_TRACKING_URI", "databricks": "DATABRICKS_HOST"}
"""A part is not started if the environment gives its address by this variable."""


@dataclass(frozen=True)
class Addresses:
    """The addresses that every part is given; those from the environment are passed on unchanged."""

    servicebus_connection: str
    mlflow: str
    databricks: str
    operations: str


def usable_port(wanted: int) -> int:
    """Return *wanted* if nothing listens there, else a free port; 0 is any free port.

    A free one is taken below the ephemeral range: from there the kernel could give it to an outgoing connection
    before the part listens on it.
    """
    while not (wanted and _is_free(wanted)):
        wanted = FREE_PORTS.start + secrets.randbelow(len(FREE_PORTS))
    return wanted


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


class Ports:
    """The port of each part, chosen once: a restarted part is found at the same address."""

    def __init__(self, usual: Mapping[str, int], on_change: Callable[[str, str], None]) -> None:
        self._usual = usual
        self._on_change = on_change
        self._chosen: dict[str, int] = {}

    def __getitem__(self, part: str) -> int:
        if part not in self._chosen:
            self._chosen[part] = self._choose(part)
        return self._chosen[part]

    def url(self, part: str) -> str:
        return f"http://{HOST}:{self[part]}"

    def _choose(self, part: str) -> int:
        wanted = self._usual.get(part, 0)
        port = usable_port(wanted)
        if wanted and port != wanted:
            self._on_change(part, f"port {wanted} is taken, using {port}")
        return port


def addresses(ports: Ports, environ: Mapping[str, str], data: Path) -> Addresses:
    """Take each address from *environ* if it is set there, else from the part that will serve it."""

    def address(part: str, own: Callable[[], str]) -> str:
        return environ.get(EXTERNAL[part]) or own()

    return Addresses(
        servicebus_connection=address(
            "broker",
            lambda: connection_string(HOST, ports["broker"], environ.get(BROKER_KEY) or key_in(data / "broker")),
        ),
        mlflow=address("mlflow", lambda: ports.url("mlflow")),
        databricks=address("databricks", lambda: ports.url("databricks")),
        operations=environ.get("OPERATIONS_URL") or (data / OPERATIONS).as_uri(),
    )
