"""Two small pictures of a run."""

from pathlib import Path

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator

from benchmarks.harness.records import Run
from benchmarks.report import SERVERS

COLOURS = ("#1f6feb", "#8b949e", "#bc8cff", "#d29922")
LATENCIES = ("p50_ms", "p90_ms", "p99_ms", "p999_ms")


def draw(run: Run, folder: Path) -> list[Path]:
    """Write ``throughput.svg`` and ``latency.svg``, but nothing for what was not measured; return what was written."""
    mpl.rcParams.update({"svg.hashsalt": "mlflow-ondemand", "svg.fonttype": "none", "font.size": 8})
    figures = {folder / "throughput.svg": _throughput(run), folder / "latency.svg": _latency(run)}
    drawn = {path: figure for path, figure in figures.items() if figure is not None}
    for path, figure in drawn.items():
        figure.savefig(path, metadata={"Date": None})
    return [*drawn]


def _throughput(run: Run) -> Figure | None:
    measured = [(name, value) for name in reversed(SERVERS) if (value := run.spread("throughput", name, "per_second"))]
    if not measured:
        return None
    figure = Figure(figsize=(7, 2.2), layout="constrained")
    axes = figure.subplots()
    medians = [value.median for _, value in measured]
    ranges = [[value.median - value.low for _, value in measured], [value.high - value.median for _, value in measured]]
    colours = [COLOURS[SERVERS.index(name)] for name, _ in measured]
    axes.barh([name for name, _ in measured], medians, xerr=ranges, color=colours, ecolor="#57606a", capsize=2)
    axes.set_xlabel("one-row requests a second over 64 connections")
    axes.spines[["top", "right"]].set_visible(False)
    return figure


def _latency(run: Run) -> Figure | None:
    figure = Figure(figsize=(7, 3.2), layout="constrained")
    one_connection, constant_rate = figure.subplots(1, 2, sharey=True)
    drawn = [
        _percentiles(one_connection, run, "latency", "", "1 connection"),
        _percentiles(constant_rate, run, "tails", "common_", "100 requests a second, open loop"),
    ]
    if not any(drawn):
        return None
    one_connection.set_ylabel("milliseconds")
    lines = (one_connection if drawn[0] else constant_rate).get_legend_handles_labels()
    figure.legend(*lines, loc="outside lower center", ncols=2, frameon=False)
    return figure


def _percentiles(axes: Axes, run: Run, scenario: str, prefix: str, title: str) -> bool:
    """Draw a line a contender; return whether there was anything to draw."""
    for name, colour in zip(SERVERS, COLOURS, strict=True):
        values = [run.spread(scenario, name, prefix + each) for each in LATENCIES]
        medians = [value.median for value in values if value]
        if len(medians) == len(LATENCIES):
            axes.plot(["p50", "p90", "p99", "p99.9"], medians, marker="o", markersize=3, color=colour, label=name)
    axes.set_title(title, fontsize=9)
    axes.set_yscale("log")
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter("{x:g}")
    axes.yaxis.set_minor_locator(NullLocator())
    axes.grid(axis="y", alpha=0.2)
    axes.spines[["top", "right"]].set_visible(False)
    return bool(axes.lines)
