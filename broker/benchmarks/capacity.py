"""The cost of a full queue (memory, disk, restart after `kill -9`) and of an idle broker."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

from benchmarks.modes import Mode
from benchmarks.pipelined import PipelinedClient
from benchmarks.process import Sample, ServerProcess
from benchmarks.sdk import QUEUE, connect

CONNECTIONS = 10
MEGABYTE = 1e6


def measure(mode: Mode, folder: Path, count: int, sample: Sample) -> None:
    """Add ``start_s``, and ``empty_mb`` and ``full_mb``: memory of the process without messages and with ``count``.

    In a durable mode also ``journal_mb`` on disk, ``restart_s`` from `kill -9` to ready, and ``restarted_mb``.
    """
    with mode.start(folder) as server:
        sample["start_s"] = server.start_seconds
        sample["empty_mb"] = server.resident_bytes() / MEGABYTE
        with PipelinedClient(server.port, server.key) as client:
            client.send(count)
        sample["full_mb"] = server.resident_bytes() / MEGABYTE
    if not mode.is_durable:
        return
    sample["journal_mb"] = mode.stored_bytes(folder) / MEGABYTE
    with mode.start(folder) as server:
        sample["restart_s"] = server.start_seconds
        sample["restarted_mb"] = server.resident_bytes() / MEGABYTE


async def measure_idle(server: ServerProcess, seconds: float, sample: Sample) -> None:
    """Add ``idle_percent`` of one core, with receivers connected that wait on an empty queue."""
    async with connect(server) as client:
        receivers = [client.get_queue_receiver(QUEUE) for _ in range(CONNECTIONS)]
        await asyncio.gather(*(receiver.peek_messages() for receiver in receivers))  # connects them
        cpu, begun = server.cpu_seconds(), time.perf_counter()
        await asyncio.sleep(seconds)  # idle connections cost CPU meanwhile
        sample["idle_percent"] = (server.cpu_seconds() - cpu) / (time.perf_counter() - begun) * 100
        await asyncio.gather(*(receiver.close() for receiver in receivers))
