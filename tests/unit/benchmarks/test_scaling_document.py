"""docs/scaling.md says what the simulation says now."""

from pathlib import Path

import pytest

from benchmarks.scaling.__main__ import DOCUMENT, PLOTS
from benchmarks.scaling.plots import draw
from benchmarks.scaling.report import rewritten, simulate_all, tables


def test_its_tables_and_plots_are_current(tmp_path: Path) -> None:
    results = simulate_all()
    document = DOCUMENT.read_text(encoding="utf-8")
    assert rewritten(document, tables(results)) == document, "run: python -m benchmarks.scaling --write"
    draw(results, tmp_path)
    drawn = sorted(path.name for path in tmp_path.iterdir())
    assert drawn == sorted(path.name for path in PLOTS.iterdir())


def test_a_text_replaces_what_stands_between_its_markers() -> None:
    document = "a\n<!-- one: begin -->\nold\n<!-- one: end -->\nb\n"
    written = rewritten(document, {"one": "new"})
    assert written == "a\n<!-- one: begin -->\n\nnew\n\n<!-- one: end -->\nb\n"
    assert rewritten(written, {"one": "new"}) == written
    with pytest.raises(ValueError, match="'two'"):
        rewritten(document, {"two": "new"})
