"""What a part of the stack uses, and how long it takes to answer meanwhile."""

import asyncio
import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psutil

MIB = 2**20


def memory_mib(pid: int) -> float:
    """Resident memory of a process now."""
    return psutil.Process(pid).memory_info().rss / MIB


@dataclass
class Growth:
    """Memory of a process in MiB: before, at its highest, and after."""

    before: float
    peak: float = 0.0
    after: float = 0.0

    @property
    def at_most(self) -> float:
        return self.peak - self.before


@asynccontextmanager
async def growth(pid: int) -> AsyncIterator[Growth]:
    """Measures from here to the end of the block. The kernel keeps the highest value, so no peak is missed."""
    process = Path(f"/proc/{pid}")
    (process / "clear_refs").write_text("5")  # sets the highest value back to the current one
    measured = Growth(memory_mib(pid))
    yield measured
    if found := re.search(r"VmHWM:\s+(\d+) kB", (process / "status").read_text()):
        measured.peak = int(found[1]) / 1024
    measured.after = memory_mib(pid)


@dataclass
class Times:
    """Seconds that each probe took; a probe that found no answer counts as long as it waited."""

    live: list[float] = field(default_factory=list)
    posts: list[float] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)
    """Of the honest requests; 0 for no answer."""

    @property
    def longest_live(self) -> float:
        return max(self.live)

    @property
    def longest_post(self) -> float:
        return max(self.posts)


@asynccontextmanager
async def probing(url: str, body: Any, *, every_s: float = 0.2, patience_s: float = 60.0) -> AsyncIterator[Times]:
    """Asks ``/health/live`` and sends an honest request, again and again until the block ends, at least once each."""
    times, stopping = Times(), asyncio.Event()
    async with httpx.AsyncClient(base_url=url, timeout=patience_s, trust_env=False) as http:
        tasks = [
            asyncio.create_task(_again_and_again(stopping, every_s, lambda: _live(http, times))),
            asyncio.create_task(_again_and_again(stopping, every_s, lambda: _post(http, body, times))),
        ]
        try:
            yield times
        finally:
            stopping.set()
            await asyncio.gather(*tasks)


async def _again_and_again(stopping: asyncio.Event, every_s: float, probe: Any) -> None:
    while True:
        await probe()
        if stopping.is_set():
            return
        await asyncio.sleep(every_s)


async def _live(http: httpx.AsyncClient, times: Times) -> None:
    began = time.monotonic()
    try:
        await http.get("/health/live")
    except httpx.TransportError:
        pass
    finally:
        times.live.append(time.monotonic() - began)


async def _post(http: httpx.AsyncClient, body: Any, times: Times) -> None:
    began, status = time.monotonic(), 0
    try:
        status = (await http.post("/predict", json=body, headers={"Prefer": "wait=30"})).status_code
    except httpx.TransportError:
        pass
    finally:
        times.posts.append(time.monotonic() - began)
        times.statuses.append(status)
