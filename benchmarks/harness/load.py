"""Sending requests: a closed loop for throughput and latency, an open loop for tails. Nothing is dropped.

In a closed loop a server that stalls is asked less. So tails come from the open loop, whose requests fall due at a
constant rate whatever the server does, and whose latency counts from the moment a request was *due*.
"""

import asyncio
import gc
import time
from array import array
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from itertools import count

from benchmarks.harness.http_client import Answer, Connection
from benchmarks.harness.schedule import arrivals

OVERDUE_S = 60.0
"""How long the last answers are waited for; what is missing then ends the benchmark."""


@dataclass
class Load:
    """What one run of load gave. Answers are kept, to be checked when the clock has stopped."""

    seconds: float = 0.0
    """From the first request to the last answer."""
    latencies: "array[float]" = field(default_factory=lambda: array("d"))
    """Seconds, in the order of the answers."""
    answers: list[tuple[int, Answer]] = field(default_factory=list)
    """Which of the requests was sent, and its answer."""
    tool_cpu_s: float = 0.0
    """CPU seconds that the load tool itself took."""

    @property
    def per_second(self) -> float:
        return len(self.latencies) / self.seconds

    def add(self, request: int, answer: Answer, latency: float) -> None:
        self.answers.append((request, answer))
        self.latencies.append(latency)


async def closed_loop(url: str, requests: Sequence[bytes], connections: int, seconds: float) -> Load:
    """Each of *connections* sends the next of *requests*, round and round, as soon as its last one is answered.

    Each sends one at least. Raises TimeoutError, or a group of HttpError and OSError, if an answer does not come.
    """
    load, turn = Load(), count()

    async def keep_sending(connection: Connection, ends_at: float) -> None:
        now = time.perf_counter()
        while True:
            asked_at, request = now, next(turn) % len(requests)
            answer = await connection.ask(requests[request])
            now = time.perf_counter()
            load.add(request, answer, now - asked_at)
            if now >= ends_at:
                return

    with ExitStack() as opened:
        clients = [opened.enter_context(closing(await Connection.open(url))) for _ in range(connections)]
        with _measured(load):
            async with asyncio.timeout(seconds + OVERDUE_S), asyncio.TaskGroup() as senders:
                ends_at = time.perf_counter() + seconds
                for client in clients:
                    senders.create_task(keep_sending(client, ends_at))
    return load


async def open_loop(url: str, requests: Sequence[bytes], rate: float, seconds: float, connections: int = 64) -> Load:
    """Send *rate* requests a second, evenly; latency counts from when a request was due, not from when it was sent.

    When all connections are busy another one is opened, so that a stall holds up nothing that falls due during it.
    The loop's timers are good to a millisecond, which is part of every latency. Raises as `closed_loop`.
    """
    load = Load()
    free = deque[Connection]()

    async def ask(request: int, due: float) -> None:
        connection = free.popleft() if free else opened.enter_context(closing(await Connection.open(url)))
        answer = await connection.ask(requests[request])
        load.add(request, answer, time.perf_counter() - due)
        free.append(connection)

    with ExitStack() as opened:
        free.extend([opened.enter_context(closing(await Connection.open(url))) for _ in range(connections)])
        with _measured(load):
            async with asyncio.timeout(seconds + OVERDUE_S), asyncio.TaskGroup() as senders:
                began = time.perf_counter()
                for number, offset in enumerate(arrivals(rate, seconds)):
                    if (ahead := began + offset - time.perf_counter()) > 0:
                        await asyncio.sleep(ahead)  # until the arrival's moment
                    senders.create_task(ask(number % len(requests), began + offset))
    return load


@contextmanager
def _measured(load: Load) -> Iterator[None]:
    """Time and own CPU, without the pauses that collecting the answers' garbage would make."""
    gc.collect()
    gc.disable()
    began, cpu_began = time.perf_counter(), time.process_time()
    try:
        yield
    finally:
        load.seconds = time.perf_counter() - began
        load.tool_cpu_s = time.process_time() - cpu_began
        gc.enable()
