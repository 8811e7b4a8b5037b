"""The figures of all rounds as Markdown tables and as CSV: median and range, a row for each figure."""

from __future__ import annotations

import csv
import platform
import statistics
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import psutil

from benchmarks.process import Sample


@dataclass(frozen=True)
class Row:
    """A figure and its label in the table."""

    name: str
    label: str
    digits: int = 0


@dataclass(frozen=True)
class Spread:
    """One figure over the rounds."""

    median: float
    lowest: float
    highest: float

    def text(self, digits: int) -> str:
        """The median, and the range if there is one."""
        median, lowest, highest = (f"{each:,.{digits}f}" for each in (self.median, self.lowest, self.highest))
        return median if self.lowest == self.highest else f"{median} ({lowest}-{highest})"


Summary = dict[str, dict[str, Spread]]
"""Spreads by mode and figure."""

ROWS = (
    Row("send.rate", "sends/s, one by one"),
    Row("send.server_ms", "- server CPU, ms a message", 3),
    Row("send.client_ms", "- SDK CPU, ms a message", 3),
    Row("batch.rate", "sends/s, batches of 100"),
    Row("batch.server_ms", "- server CPU, ms a message", 3),
    Row("batch.client_ms", "- SDK CPU, ms a message", 3),
    Row("receive.rate", "receive + complete/s"),
    Row("receive.server_ms", "- server CPU, ms a message", 3),
    Row("receive.client_ms", "- SDK CPU, ms a message", 3),
    Row("reply.p50_ms", "request-reply p50, ms", 2),
    Row("reply.p99_ms", "request-reply p99, ms", 2),
    Row("reply.server_ms", "- server CPU, ms a request", 3),
    Row("reply.client_ms", "- SDK CPU (both ends), ms a request", 3),
    Row("reply8.rate", "requests/s, 8 requesters"),
    Row("reply8.p50_ms", "- p50, ms", 2),
    Row("reply8.p99_ms", "- p99, ms", 2),
    Row("raw_send.rate", "sends/s, pipelined without the SDK"),
    Row("raw_send.server_ms", "- server CPU, ms a message", 3),
    Row("raw_receive.rate", "receive + complete/s, pipelined"),
    Row("raw_receive.server_ms", "- server CPU, ms a message", 3),
    Row("idle_percent", "idle CPU with 10 receivers, % of a core", 2),
    Row("empty_mb", "memory, empty, MB"),
    Row("full_mb", "memory, full, MB"),
    Row("journal_mb", "journal, full, MB"),
    Row("start_s", "start, empty, s", 2),
    Row("restart_s", "restart after kill -9, full, s", 2),
    Row("restarted_mb", "- memory then, MB"),
)
RATES = tuple(row.name for row in ROWS if row.name.endswith(".rate"))


def summarize(rounds: Iterable[dict[str, Sample]]) -> Summary:
    """The spread of each figure, from the samples of each round by mode."""
    values: dict[str, dict[str, list[float]]] = {}
    for samples in rounds:
        for mode, sample in samples.items():
            for name, value in sample.items():
                values.setdefault(mode, {}).setdefault(name, []).append(value)
    return {
        mode: {name: Spread(statistics.median(each), min(each), max(each)) for name, each in figures.items()}
        for mode, figures in values.items()
    }


def table(summary: Summary) -> str:
    """All figures."""
    rows = []
    for row in ROWS:
        spreads = [figures.get(row.name) for figures in summary.values()]
        if any(spreads):
            rows.append([row.label, *(each.text(row.digits) if each else "" for each in spreads)])
    return _markdown(summary, rows)


def ratios(summary: Summary, floor: str) -> str:
    """Rates as a share of the rate of the same client against the floor, in the same run."""
    others = [mode for mode in summary if mode != floor]
    rows = [
        [row.label, *(f"{summary[mode][row.name].median / ceiling.median:.0%}" for mode in others)]
        for row in ROWS
        if row.name in RATES and (ceiling := summary[floor].get(row.name))
    ]
    return _markdown(others, rows)


def write_csv(summary: Summary, path: Path) -> None:
    """All figures, by the names in `ROWS`."""
    with path.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["figure", "mode", "median", "lowest", "highest"])
        for row in ROWS:
            for mode, figures in summary.items():
                if spread := figures.get(row.name):
                    writer.writerow([row.name, mode, spread.median, spread.lowest, spread.highest])


def machine() -> str:
    """The machine and the versions; the load is that of the last minute, the benchmark's own included."""
    return (
        f"{_processor()}, {psutil.cpu_count()} cores, {psutil.virtual_memory().total / 2**30:.0f} GiB, "
        f"load {psutil.getloadavg()[0]:.1f}, {platform.platform()}, Python {platform.python_version()}, "
        f"azure-servicebus {version('azure-servicebus')}, uvloop {version('uvloop')}"
    )


def _processor() -> str:
    information = Path("/proc/cpuinfo")
    if information.exists():
        for line in information.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _markdown(modes: Iterable[str], rows: list[list[str]]) -> str:
    header = ["", *modes]
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
