"""Rounds of figures, and what they come to."""

from __future__ import annotations

import platform
import statistics
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import psutil

from benchmarks.metering import Sample

PACKAGES = ("azure-servicebus", "uvloop")


@dataclass(frozen=True)
class Spread:
    """One figure over the rounds."""

    median: float
    lowest: float
    highest: float


Summary = dict[str, dict[str, Spread]]
"""Spreads by mode and figure."""


def summarize(rounds: Iterable[dict[str, Sample]]) -> Summary:
    """From the samples of each round by mode."""
    values: dict[str, dict[str, list[float]]] = {}
    for samples in rounds:
        for mode, sample in samples.items():
            for name, value in sample.items():
                values.setdefault(mode, {}).setdefault(name, []).append(value)
    return {
        mode: {name: Spread(statistics.median(each), min(each), max(each)) for name, each in figures.items()}
        for mode, figures in values.items()
    }


def describe_machine() -> dict[str, str]:
    """What the figures were measured on; the load is that of the last minute, the benchmark's own included."""
    memory = psutil.virtual_memory().total / 2**30
    return {
        "processor": _processor(),
        "cores": str(psutil.cpu_count()),
        "memory": f"{memory:.0f} GiB",
        "load": f"{psutil.getloadavg()[0]:.1f}",
        "system": platform.platform(),
        "python": platform.python_version(),
        **{package: version(package) for package in PACKAGES},
    }


def _processor() -> str:
    information = Path("/proc/cpuinfo")
    if information.exists():
        for line in information.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
