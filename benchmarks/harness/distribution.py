"""What is said of many measurements: percentiles of all of them, and medians and ranges over rounds."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import ceil
from statistics import median

STALL_S = 0.2
"""Longer than this is a stall: the SDK has several ways to wait for 200 or 500 ms."""


def percentile(ordered: Sequence[float], percent: float) -> float:
    """The smallest of the *ordered* values that at least *percent* of them do not exceed (nearest rank)."""
    if not ordered:
        raise ValueError("no values")
    rank = ceil(round(len(ordered) * percent / 100, 6))  # 99.9 is a little more than that in binary
    return ordered[max(rank, 1) - 1]


@dataclass(frozen=True)
class Latency:
    """Percentiles of all requests of one run, in milliseconds."""

    count: int
    p50: float
    p90: float
    p99: float
    p999: float
    max: float
    stalls: int
    """Requests that took longer than 200 ms."""

    @classmethod
    def of(cls, seconds: Iterable[float]) -> "Latency":
        ordered = sorted(seconds)
        p50, p90, p99, p999 = (percentile(ordered, percent) * 1000 for percent in (50, 90, 99, 99.9))
        stalls = sum(value > STALL_S for value in ordered)
        return cls(len(ordered), p50, p90, p99, p999, ordered[-1] * 1000, stalls)


@dataclass(frozen=True)
class Spread:
    """One figure over several rounds."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> "Spread":
        return cls(median(values), min(values), max(values))
