from pathlib import Path

import pytest

from benchmarks.harness.records import Run
from benchmarks.report import BEGIN, END, headlines, markdown, number, write_between_markers
from benchmarks.serving.contenders.mlflow_serve import MlflowServe
from benchmarks.serving.contenders.ondemand import Ondemand

OURS, SERVE = Ondemand.name, MlflowServe.name


def test_goals_compare_the_median_with_the_bound(run: Run) -> None:
    lines = headlines(run).splitlines()
    assert len(lines) == 3  # what was not measured is left out
    assert lines[2] == "| throughput / `mlflow models serve` | ≥ 1.5 x | 3 (2 to 4) x | yes |"

    run.add("latency", OURS, 1, {"p99_to_p50": 3.5})
    assert headlines(run).splitlines()[3] == "| p99 / p50 of one connection | ≤ 3 x | 3.5 x | **no** |"


def test_the_table_has_a_column_a_contender(run: Run) -> None:
    assert f"| median (range) | {OURS} | {SERVE} |" in markdown(run)
    assert "| requests/s, 64 connections | 100 (40 to 300) | 50 (10 to 100) |" in markdown(run)


@pytest.mark.parametrize(
    ("value", "text"), [(0.0, "0"), (0.0123456, "0.0123"), (12.345, "12.3"), (123.45, "123"), (12345.6, "12,346")]
)
def test_numbers_have_three_digits(value: float, text: str) -> None:
    assert number(value) == text


def test_only_what_is_between_the_markers_is_replaced(tmp_path: Path) -> None:
    document = tmp_path / "document.md"
    document.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n")
    write_between_markers(document, "new")
    assert document.read_text() == f"before\n{BEGIN}\n\nnew\n\n{END}\nafter\n"

    document.write_text("no markers")
    with pytest.raises(ValueError, match="figures"):
        write_between_markers(document, "new")
