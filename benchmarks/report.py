"""A run as markdown: goals, the table of all contenders, what only ours has."""

import textwrap
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from benchmarks.goals import GOALS
from benchmarks.harness.distribution import Spread
from benchmarks.harness.records import Run
from benchmarks.serving.contenders.mlflow_serve import MlflowServe
from benchmarks.serving.contenders.mlserver import MlserverBatching, MlserverPlain
from benchmarks.serving.contenders.ondemand import Ondemand

DOCUMENT_WIDTH = 120
BEGIN, END = "<!-- figures: begin -->", "<!-- figures: end -->"
SERVERS = (Ondemand.name, MlflowServe.name, MlserverPlain.name, MlserverBatching.name)
COMPARED: Sequence[tuple[str, str, str]] = (
    ("requests/s, 64 connections", "throughput", "per_second"),
    ("p50 ms, 64 connections", "throughput", "p50_ms"),
    ("p99 ms, 64 connections", "throughput", "p99_ms"),
    ("CPU ms a prediction, 64 connections", "throughput", "cpu_ms"),
    ("p50 ms, 1 connection", "latency", "p50_ms"),
    ("p99 ms, 1 connection", "latency", "p99_ms"),
    ("p99 / p50, 1 connection", "latency", "p99_to_p50"),
    ("p99 ms, open loop, 100/s", "tails", "common_p99_ms"),
    ("p99.9 ms, open loop, 100/s", "tails", "common_p999_ms"),
    ("p99 ms, open loop, half of its own throughput", "tails", "half_p99_ms"),
    ("p99.9 ms, open loop, half of its own throughput", "tails", "half_p999_ms"),
    ("ms a request of 1,000 rows", "rows", "p50_1000_ms"),
    ("the same / baseline", "rows", "to_baseline_1000"),
    ("ms a request of 10,000 rows", "rows", "p50_10000_ms"),
    ("the same / baseline", "rows", "to_baseline_10000"),
    ("start to first answer, s", "start", "first_answer_s"),
    ("memory, MB", "memory", "resident_mb"),
)


def summary(run: Run) -> str:
    """Machine, goals and comparison; a figure that was not measured is left out."""
    return _joined(_machine(run), _goals(run), _comparison(run))


def markdown(run: Run) -> str:
    """The summary and every figure of the scenarios that only this project has."""
    return _joined(summary(run), _own(run))


def headlines(run: Run) -> str:
    """The table of goals."""
    return _goals(run)


def write_between_markers(document: Path, text: str) -> None:
    """Replace what stands between the markers. Raises ValueError if they are not there."""
    before, found, rest = document.read_text().partition(BEGIN)
    _, ended, after = rest.partition(END)
    if not found or not ended:
        raise ValueError(f"{document} has no {BEGIN} … {END}")
    document.write_text(f"{before}{BEGIN}\n\n{text}\n\n{END}{after}")


def number(value: float) -> str:
    """Three significant digits, and whole numbers from 100 on."""
    return f"{value:,.0f}" if abs(value) >= 100 or value == round(value) else f"{value:.3g}"


def spread(value: Spread | None) -> str:
    """The median, and the range in brackets if there were several rounds."""
    if value is None:
        return "-"
    if value.low == value.high:
        return number(value.median)
    return f"{number(value.median)} ({number(value.low)} to {number(value.high)})"


def _joined(*parts: str) -> str:
    return "\n\n".join(part for part in parts if part)


def _machine(run: Run) -> str:
    return textwrap.fill("; ".join(f"{name}: {value}" for name, value in run.machine.items()) + ".", DOCUMENT_WIDTH)


def _goals(run: Run) -> str:
    measured = [(goal, value) for goal in GOALS if (value := goal.figure(run)) is not None]
    rows = (
        (
            goal.text,
            f"{'≥' if goal.at_least else '≤'} {number(goal.bound)} {goal.unit}",
            f"{spread(value)} {goal.unit}",
            "yes" if goal.is_met(value.median) else "**no**",
        )
        for goal, value in measured
    )
    return _table(("ours", "goal", "median (range)", "reached"), rows) if measured else ""


def _comparison(run: Run) -> str:
    names = [name for name in SERVERS if run.spread("start", name, "ready_s")]
    rows = [
        (text, *(spread(run.spread(scenario, name, figure)) for name in names))
        for text, scenario, figure in COMPARED
        if any(run.spread(scenario, name, figure) for name in names)
    ]
    return _table(("median (range)", *names), [*rows, *_baseline(run, len(names))]) if rows else ""


def _baseline(run: Run, columns: int) -> Iterator[tuple[str, ...]]:
    whole = run.spread("baseline", "baseline", "p50_ms")
    if whole is not None:
        yield ("baseline in one thread, ms a row with parsing", spread(whole), *[""] * (columns - 1))


def _own(run: Run) -> str:
    figures: dict[tuple[str, str], None] = {}
    for record in run.records:
        if record.contender == Ondemand.name and record.scenario in ("cold", "many_models", "training", "cost"):
            figures |= dict.fromkeys((record.scenario, name) for name in record.figures)
    rows = (
        (scenario.replace("_", " "), name.replace("_", " "), spread(run.spread(scenario, Ondemand.name, name)))
        for scenario, name in figures
    )
    return _table(("scenario", "figure", "median (range)"), rows) if figures else ""


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
