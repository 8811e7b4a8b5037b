"""The benchmark of the broker runs, and has every figure that it shows."""

import csv
import subprocess
import sys
from pathlib import Path

from benchmarks.report import RATES, ROWS, machine

DISTRIBUTION = Path(__file__).parents[2]
DEADLINE = 240
NEEDS_QUEUES = ("reply", "idle", "empty", "full", "journal", "start", "restart")


def test_quick_round_has_every_figure(tmp_path: Path) -> None:
    written = tmp_path / "figures.csv"
    command = [sys.executable, "-m", "benchmarks", "--quick", "--csv", str(written)]
    shown = subprocess.run(
        [*command, "--mode", "accept-all", "--mode", "interval"],
        cwd=DISTRIBUTION,
        capture_output=True,
        text=True,
        timeout=DEADLINE,
        check=True,
    ).stdout
    with written.open(newline="") as file:
        rows = list(csv.DictReader(file))
    medians = {(row["mode"], row["figure"]): float(row["median"]) for row in rows}
    assert {name for mode, name in medians if mode == "interval"} == {row.name for row in ROWS}
    assert {name for mode, name in medians if mode == "accept-all"} == {
        row.name for row in ROWS if not row.name.startswith(NEEDS_QUEUES)
    }
    assert all(value >= 0 for value in medians.values())
    assert all(medians["interval", rate] > 0 for rate in RATES)
    assert all(row.label in shown for row in ROWS)
    assert machine().partition(",")[0] in shown


def test_kept_figures_have_the_names_of_the_benchmark() -> None:
    with (DISTRIBUTION / "benchmarks/figures.csv").open(newline="") as file:
        assert {row["figure"] for row in csv.DictReader(file)} == {row.name for row in ROWS}
