"""The text that a person at a terminal reads after the start."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from servicebus_broker.journal.fsync import Fsync

_SYNCED = {
    Fsync.ALWAYS: "on the disk before a client is answered",
    Fsync.INTERVAL: "on the disk within 50 ms",
    Fsync.NEVER: "on the disk when the operating system sees fit",
}


def banner(addresses: Mapping[str, str], queues: Iterable[str], data: Path | None, fsync: Fsync) -> str:
    """The connection strings to paste, the queues, the data folder, how to stop; ``addresses`` as in the ready line."""
    lines = ["", "Messages (ServiceBusClient):", f"  {addresses['connection_string']}"]
    if "administration" in addresses:
        lines += [
            f'Administration (ServiceBusAdministrationClient with connection_verify="{addresses["certificate"]}"):',
            f"  {addresses['administration']}",
        ]
    lines += [
        f"Queues: {', '.join(queues) or 'none yet'}",
        f"Kept in {data.absolute()}, {_SYNCED[fsync]}." if data else "Kept in memory: all is forgotten at the end.",
        "Ctrl-C stops it.",
    ]
    return "\n".join(lines)
