"""Timing of a piece of work, with the CPU time of both ends."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from benchmarks.process import ServerProcess

Sample = dict[str, float]
"""Figures of one round by name, such as ``send.rate``."""


@contextmanager
def metered(sample: Sample, name: str, messages: int, server: ServerProcess) -> Iterator[None]:
    """Add to the sample: messages a second, and milliseconds of CPU a message in the server and in this process."""
    server_cpu, client_cpu, begun = server.cpu_seconds(), time.process_time(), time.perf_counter()
    yield
    seconds = time.perf_counter() - begun
    sample[f"{name}.rate"] = messages / seconds
    sample[f"{name}.server_ms"] = (server.cpu_seconds() - server_cpu) * 1000 / messages
    sample[f"{name}.client_ms"] = (time.process_time() - client_cpu) * 1000 / messages
