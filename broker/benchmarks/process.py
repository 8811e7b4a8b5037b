"""A server under measurement as a child process: started, measured, killed."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType

import psutil

STOP_TIMEOUT = 60.0

Sample = dict[str, float]
"""Figures of one round by name, such as ``send.rate``."""


class ServerProcess:
    """``python -m ARGUMENTS``, started and ready; killed at the end of the block."""

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

    @property
    def key(self) -> str:
        """The key of its connection string."""
        return self.connection_string.partition("SharedAccessKey=")[2].partition(";")[0]

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


@contextmanager
def metered(sample: Sample, name: str, messages: int, server: ServerProcess) -> Iterator[None]:
    """Add to the sample: messages a second, and milliseconds of CPU a message in the server and in this process."""
    server_cpu, client_cpu, begun = server.cpu_seconds(), time.process_time(), time.perf_counter()
    yield
    seconds = time.perf_counter() - begun
    sample[f"{name}.rate"] = messages / seconds
    sample[f"{name}.server_ms"] = (server.cpu_seconds() - server_cpu) * 1000 / messages
    sample[f"{name}.client_ms"] = (time.process_time() - client_cpu) * 1000 / messages
