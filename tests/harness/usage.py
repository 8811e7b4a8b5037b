"""Memory, file descriptors and threads of the parts over time, and whether they grow."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from statistics import linear_regression, median

import psutil

from ondemand.stack import Stack
from tests.harness.probes import MIB

EVERY_S = 5.0
SETTLING_S = 60.0
"""Of a process after its start: caches and pools fill."""
SHORTEST_LIFE_S = 180.0
"""What a line is fitted to. Parts are killed, so a process lives for some minutes."""


@dataclass(frozen=True)
class Sample:
    seconds: float
    rss_mib: float
    pss_mib: float
    descriptors: int
    threads: int


@dataclass
class Life:
    """The samples of one process of a part."""

    part: str
    started: float
    samples: list[Sample] = field(default_factory=list)

    @property
    def settled(self) -> list[Sample]:
        return [sample for sample in self.samples if sample.seconds - self.started >= SETTLING_S]

    @property
    def seconds(self) -> float:
        return self.settled[-1].seconds - self.settled[0].seconds if self.settled else 0.0


@dataclass(frozen=True)
class Growth:
    """One quantity of one process: medians of the first and of the last fifth, and what the line gains in an hour."""

    first: float
    last: float
    per_hour: float

    @classmethod
    def of(cls, seconds: Sequence[float], values: Sequence[float]) -> "Growth":
        fifth = max(1, len(values) // 5)
        slope, _ = linear_regression(seconds, values)
        return cls(median(values[:fifth]), median(values[-fifth:]), slope * 3600)


@asynccontextmanager
async def sampling(stack: Stack) -> AsyncIterator[dict[int, Life]]:
    """Samples every part until the block ends; yields the lives by process id."""
    lives: dict[int, Life] = {}

    async def sample_again_and_again() -> None:
        while True:
            await asyncio.to_thread(_sample, stack, lives)
            await asyncio.sleep(EVERY_S)

    sampler = asyncio.create_task(sample_again_and_again())
    try:
        yield lives
    finally:
        sampler.cancel()
        await asyncio.gather(sampler, return_exceptions=True)


def growths(lives: Sequence[Life]) -> dict[str, dict[str, Growth]]:
    """By part, of its longest life, if that was long enough: resident and proportional memory, descriptors, threads."""
    found = {}
    for part in sorted({life.part for life in lives}):
        longest = max((life for life in lives if life.part == part), key=lambda life: life.seconds)
        if longest.seconds >= SHORTEST_LIFE_S:
            found[part] = _growths(longest.settled)
    return found


def _growths(samples: Sequence[Sample]) -> dict[str, Growth]:
    seconds = [sample.seconds for sample in samples]
    return {
        "RSS MiB": Growth.of(seconds, [sample.rss_mib for sample in samples]),
        "PSS MiB": Growth.of(seconds, [sample.pss_mib for sample in samples]),
        "descriptors": Growth.of(seconds, [float(sample.descriptors) for sample in samples]),
        "threads": Growth.of(seconds, [float(sample.threads) for sample in samples]),
    }


def _sample(stack: Stack, lives: dict[int, Life]) -> None:
    now = time.monotonic()
    for name, part in list(stack.parts.items()):
        if not part.is_running:
            continue
        try:
            process = psutil.Process(part.pid)
            with process.oneshot():
                memory = process.memory_full_info()
                sample = Sample(now, memory.rss / MIB, memory.pss / MIB, process.num_fds(), process.num_threads())
        except (psutil.Error, RuntimeError):  # it was killed meanwhile
            continue
        lives.setdefault(process.pid, Life(name, now)).samples.append(sample)
