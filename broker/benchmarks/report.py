"""The figures as a Markdown table: a row each, a column for each mode, the median and the range of the rounds."""

from __future__ import annotations

from dataclasses import dataclass

from rich import box
from rich.table import Table

from benchmarks.figures import Spread, Summary


@dataclass(frozen=True)
class Row:
    """A figure of the table."""

    name: str
    label: str
    digits: int = 0


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


def table(summary: Summary, title: str) -> Table:
    """All figures, for a terminal."""
    result = Table(title=title, title_justify="left", box=box.MARKDOWN)
    result.add_column(no_wrap=True)
    for mode in summary:
        result.add_column(mode, justify="right")
    for row in ROWS:
        cells = [_cell(summary[mode].get(row.name), row.digits) for mode in summary]
        if any(cells):
            result.add_row(row.label, *cells)
    return result


def ratios(summary: Summary, floor: str) -> Table:
    """Rates as a share of what the same client reached against the floor, in the same run."""
    result = Table(title=f"Share of the rate against {floor}", title_justify="left", box=box.MARKDOWN)
    result.add_column(no_wrap=True)
    others = [mode for mode in summary if mode != floor]
    for mode in others:
        result.add_column(mode, justify="right")
    labels = {row.name: row.label for row in ROWS}
    for name in RATES:
        ceiling = summary[floor].get(name)
        if ceiling is not None:
            shares = [f"{summary[mode][name].median / ceiling.median:.0%}" for mode in others]
            result.add_row(labels[name], *shares)
    return result


def _cell(spread: Spread | None, digits: int) -> str:
    if spread is None:
        return ""
    median = f"{spread.median:,.{digits}f}"
    if spread.lowest == spread.highest:
        return median
    return f"{median} ({spread.lowest:,.{digits}f}-{spread.highest:,.{digits}f})"
