"""``ondemand queues``: the message counts of each queue, of a broker on this machine or of a Service Bus namespace."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from azure.core.exceptions import AzureError
from azure.identity import DefaultAzureCredential
from azure.servicebus.management import QueueRuntimeProperties, ServiceBusAdministrationClient
from rich.console import Console
from rich.filesize import decimal
from rich.live import Live
from rich.table import Table
from servicebus_broker.administration.endpoint import Endpoint, find_endpoint

BROKER_FOLDERS = (Path(".ondemand/broker"), Path(".broker"))
"""Where `ondemand up` and `ondemand broker` keep their data unless told otherwise."""
CONNECTION_TIMEOUT_S = 5


class NoBrokerError(Exception):
    """No broker or namespace is named, or it cannot be used as it is named; the message says which."""


@dataclass(frozen=True)
class QueueCounts:
    """The messages of one queue; locked and deferred ones are active, ``size`` is in bytes."""

    name: str
    active: int
    scheduled: int
    dead_letter: int
    transfer: int
    size: int

    @classmethod
    def of(cls, properties: QueueRuntimeProperties) -> QueueCounts:
        return cls(
            str(properties.name),
            properties.active_message_count or 0,
            properties.scheduled_message_count or 0,
            properties.dead_letter_message_count or 0,
            properties.transfer_message_count or 0,
            properties.size_in_bytes or 0,
        )


def endpoint(connection: str | None, certificate: Path | None, data: Path | None) -> Endpoint:
    """The endpoint to ask: the given connection, or the broker that runs on a data folder. Raises NoBrokerError."""
    if connection:
        return Endpoint(connection, str(certificate) if certificate else "")
    folders = (data / "broker", data) if data else BROKER_FOLDERS
    for folder in folders:
        found = find_endpoint(folder)
        if found is not None:
            return found
    raise NoBrokerError(
        f"no broker runs on {' or '.join(map(str, folders))}: start one with `ondemand up` or `ondemand broker`, "
        "or give --connection and --cert, which one with --memory needs"
    )


def administration_client(endpoint: Endpoint) -> ServiceBusAdministrationClient:
    """A client for a connection string, or for the name of a namespace with the default credential of Azure.

    Raises NoBrokerError for any other text.
    """
    if endpoint.certificate and not Path(endpoint.certificate).is_file():
        raise NoBrokerError(f"there is no certificate in {endpoint.certificate}")
    options: dict[str, Any] = {  # Any: these go through the client to its policies
        "connection_verify": endpoint.certificate or True,
        "connection_timeout": CONNECTION_TIMEOUT_S,
        "retry_total": 1,
    }
    try:
        if "=" in endpoint.administration:
            return ServiceBusAdministrationClient.from_connection_string(endpoint.administration, **options)
        return ServiceBusAdministrationClient(endpoint.administration, DefaultAzureCredential(), **options)
    except ValueError as error:
        raise NoBrokerError(f"the connection cannot be used: {error}") from error


def read_counts(client: ServiceBusAdministrationClient) -> list[QueueCounts]:
    """Every queue, by name. Raises AzureError."""
    counts = [QueueCounts.of(each) for each in client.list_queues_runtime_properties()]
    return sorted(counts, key=lambda each: each.name)


def show_once(endpoint: Endpoint, console: Console, *, as_json: bool) -> None:
    """Print the counts as they are, as a table or as a JSON array. Raises AzureError."""
    with administration_client(endpoint) as client:
        counts = read_counts(client)
    if as_json:
        console.print_json(json.dumps([asdict(each) for each in counts]))
    else:
        console.print(table(counts))


def show_live(endpoint: Endpoint, console: Console, interval: float) -> None:
    """Show the counts, anew every ``interval`` seconds, until Ctrl-C. Raises AzureError if the first try fails."""
    with administration_client(endpoint) as client:
        counts = read_counts(client)
        with Live(table(counts), console=console, auto_refresh=False) as live:
            while True:
                time.sleep(interval)  # the interval that the user asked for
                trouble = None
                try:
                    counts = read_counts(client)
                except AzureError as error:
                    trouble = f"as they were; no answer now: {first_line(error)}"
                live.update(table(counts, trouble), refresh=True)


def table(counts: Iterable[QueueCounts], caption: str | None = None) -> Table:
    """The counts for people; dead letters stand out."""
    table = Table(caption=caption, caption_style="red")
    table.add_column("queue")
    for column in ("active", "scheduled", "dead-letter", "transfer", "size"):
        table.add_column(column, justify="right")
    for each in counts:
        dead_letters = f"[bold red]{each.dead_letter}[/]" if each.dead_letter else "0"
        table.add_row(
            each.name, str(each.active), str(each.scheduled), dead_letters, str(each.transfer), decimal(each.size)
        )
    return table


def first_line(error: AzureError) -> str:
    """The message of an error without the details of the request."""
    return str(error).partition("\n")[0]
