"""The benchmark of the broker runs, and measures all that it says."""

import json
import subprocess
import sys
from pathlib import Path

from benchmarks.report import RATES, ROWS

ROOT = Path(__file__).parents[2]
DEADLINE = 240
NEEDS_QUEUES = ("reply", "idle", "empty", "full", "journal", "start", "restart")


def test_quick_round_has_every_figure(tmp_path: Path) -> None:
    written = tmp_path / "figures.json"
    command = [sys.executable, "-m", "benchmarks", "--quick", "--json", str(written)]
    shown = subprocess.run(
        [*command, "--mode", "accept-all", "--mode", "interval"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=DEADLINE,
        check=True,
    ).stdout
    document = json.loads(written.read_text())
    (figures,) = document["rounds"]
    assert set(figures["interval"]) >= {row.name for row in ROWS}
    assert set(figures["accept-all"]) >= {row.name for row in ROWS if not row.name.startswith(NEEDS_QUEUES)}
    assert all(value >= 0 for sample in figures.values() for value in sample.values())
    assert all(figures["interval"][rate] > 0 for rate in RATES)
    assert all(row.label in shown for row in ROWS)
    assert document["machine"]["processor"] in shown
