"""The bus and the operation store whose dead letters are meant."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from azure.servicebus import ServiceBusClient

from ondemand.stack.data_folder import read_addresses

RETRIES = 1  # a command answers soon, also when nothing does


class NoBusError(Exception):
    """No bus is named, or it cannot be used as it is named; the message says which."""


@dataclass(frozen=True)
class Bus:
    """A connection string or a namespace, and the URL of the operation store if it is known."""

    connection: str
    operations: str | None


def find_bus(connection: str | None, data: Path, environ: Mapping[str, str]) -> Bus:
    """The given connection, else that of the stack which runs on a data folder. Raises NoBusError."""
    store = environ.get("OPERATIONS_URL")
    if connection:
        return Bus(connection, store)
    addresses = read_addresses(data)
    if addresses is None:
        raise NoBusError(
            f"no stack runs on {data}: start it with `ondemand up`, name its folder with --data, "
            "or give --connection (a connection string, or the host name of a namespace)"
        )
    return Bus(addresses.servicebus_connection, store or addresses.operations)


def open_client(bus: Bus) -> ServiceBusClient:
    """Raises NoBusError for a connection that is none."""
    options: dict[str, Any] = {"retry_total": RETRIES}  # Any: they go through the client to its links
    try:
        if "=" in bus.connection:
            return ServiceBusClient.from_connection_string(bus.connection, **options)
        from azure.identity import DefaultAzureCredential

        return ServiceBusClient(bus.connection, DefaultAzureCredential(), **options)
    except ValueError as error:
        raise NoBusError(f"the connection cannot be used: {error}") from error
