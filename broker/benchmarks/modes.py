"""The servers to compare: the broker with each kind of persistence, and one that keeps nothing at all."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from benchmarks.process import ServerProcess

QUEUES = ("--queue", "work", "--queue", "requests", "--queue", "replies,session")


@dataclass(frozen=True)
class Mode:
    """A column of the table. ``is_floor``: no queue behind it, so only the client and AMQP are measured."""

    name: str
    options: tuple[str, ...] = ()
    is_floor: bool = False
    is_durable: bool = True

    def start(self, folder: Path) -> ServerProcess:
        """A server on a free port, with its state and log in the folder."""
        log = folder / f"{self.name}.log"
        if self.is_floor:
            return ServerProcess(["benchmarks.null_peer"], log)
        data = ["--data", str(folder / self.name)] if self.is_durable else []
        return ServerProcess(["servicebus_broker", "--port", "0", *QUEUES, *data, *self.options], log)

    def stored_bytes(self, folder: Path) -> int:
        """The size of its files on disk."""
        return sum(file.stat().st_size for file in (folder / self.name).rglob("*") if file.is_file())


FLOOR = Mode("accept-all", is_floor=True, is_durable=False)
BROKER = (
    Mode("memory", ("--memory",), is_durable=False),
    Mode("never", ("--fsync", "never")),
    Mode("interval", ("--fsync", "interval")),
    Mode("always", ("--fsync", "always")),
)
