from pathlib import Path

from benchmarks.harness.records import Run
from benchmarks.plots import draw


def test_only_what_was_measured_is_drawn(run: Run, tmp_path: Path) -> None:
    assert draw(run, tmp_path) == [tmp_path / "throughput.svg"]
    assert "<svg" in (tmp_path / "throughput.svg").read_text()
