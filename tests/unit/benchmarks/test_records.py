"""Ratios, goals and the table."""

from pathlib import Path

import pytest

from benchmarks.contenders.mlflow_serve import MlflowServe
from benchmarks.contenders.ondemand import Ondemand
from benchmarks.distribution import Spread
from benchmarks.goals import GOALS
from benchmarks.machine import describe
from benchmarks.plots import draw
from benchmarks.records import Run
from benchmarks.report import BEGIN, END, headlines, markdown, number, write_between_markers

OURS, SERVE = Ondemand.name, MlflowServe.name


@pytest.fixture
def run() -> Run:
    run = Run({"processor": "abacus", "cores": 2})
    for each, (ours, theirs) in enumerate([(100.0, 50.0), (40.0, 10.0), (300.0, 100.0)]):
        run.add("throughput", OURS, each, {"per_second": ours})
        run.add("throughput", SERVE, each, {"per_second": theirs})
        run.add("start", OURS, each, {"ready_s": 1.0})
        run.add("start", SERVE, each, {"ready_s": 1.0})
    return run


def test_a_ratio_is_taken_within_each_round(run: Run) -> None:
    assert run.ratio("throughput", "per_second", OURS, SERVE) == Spread(median=3, low=2, high=4)


def test_a_round_that_only_one_of_them_has_gives_no_ratio(run: Run) -> None:
    run.add("throughput", OURS, 9, {"per_second": 1000.0})
    assert run.ratio("throughput", "per_second", OURS, SERVE) == Spread(median=3, low=2, high=4)
    assert run.ratio("latency", "p50_ms", OURS, SERVE) is None


def test_a_run_comes_back_from_its_file(run: Run, tmp_path: Path) -> None:
    run.write(tmp_path / "run.json")
    assert Run.read(tmp_path / "run.json") == run


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


def test_every_goal_says_something_about_some_run() -> None:
    assert len({goal.text for goal in GOALS}) == len(GOALS)


def test_the_machine_is_named() -> None:
    machine = describe([0])
    assert machine["processor"]
    assert machine["commit"]


def test_only_what_was_measured_is_drawn(run: Run, tmp_path: Path) -> None:
    assert draw(run, tmp_path) == [tmp_path / "throughput.svg"]
    assert "<svg" in (tmp_path / "throughput.svg").read_text()
