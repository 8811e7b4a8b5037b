"""A server under measurement as a child process: started, watched, killed."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

import psutil

QUEUES: dict[str, dict[str, object]] = {"work": {}, "requests": {}, "replies": {"RequiresSession": True}}
STOP_TIMEOUT = 60.0


def write_config(folder: Path) -> Path:
    """The configuration of the queues above, in the format of the official emulator."""
    queues = [{"Name": name, "Properties": properties} for name, properties in QUEUES.items()]
    path = folder / "servicebus.json"
    path.write_text(json.dumps({"UserConfig": {"Namespaces": [{"Name": "benchmark", "Queues": queues}]}}))
    return path


class ServerProcess:
    """``python -m ARGUMENTS``, ready once it said so; ended when the block is left."""

    def __init__(self, arguments: Sequence[str], log: Path) -> None:
        begun = time.perf_counter()
        with log.open("ab") as errors:
            self._process = subprocess.Popen(  # noqa: S603  # our own modules
                [sys.executable, "-m", *arguments], stdout=subprocess.PIPE, stderr=errors, text=True
            )
        self.connection_string = self._ready_line(log)["connection_string"]
        self.start_seconds = time.perf_counter() - begun
        self._statistics = psutil.Process(self._process.pid)

    @property
    def port(self) -> int:
        """The AMQP port on 127.0.0.1."""
        return int(self.connection_string.split(";")[0].rpartition(":")[2])

    def cpu_seconds(self) -> float:
        """CPU time so far, user and system."""
        times = self._statistics.cpu_times()
        return float(times.user + times.system)

    def resident_bytes(self) -> int:
        """Resident memory."""
        return int(self._statistics.memory_info().rss)

    def kill(self) -> None:
        """End it by SIGKILL."""
        self._process.kill()
        self._process.wait(STOP_TIMEOUT)
        if self._process.stdout is not None:
            self._process.stdout.close()

    def __enter__(self) -> ServerProcess:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()

    def _ready_line(self, log: Path) -> dict[str, str]:
        if self._process.stdout is None:
            raise RuntimeError("started without a pipe")
        word, _, addresses = self._process.stdout.readline().partition(" ")
        if word != "ready":
            raise RuntimeError(f"{self._process.args!r} ended with {self._process.wait()}; its log: {log.read_text()}")
        found: dict[str, str] = json.loads(addresses)
        return found
