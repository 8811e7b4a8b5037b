from pathlib import Path

from benchmarks.harness.distribution import Spread
from benchmarks.harness.records import Run
from benchmarks.serving.contenders.mlflow_serve import MlflowServe
from benchmarks.serving.contenders.ondemand import Ondemand

OURS, SERVE = Ondemand.name, MlflowServe.name


def test_a_ratio_is_taken_within_each_round(run: Run) -> None:
    assert run.ratio("throughput", "per_second", OURS, SERVE) == Spread(median=3, low=2, high=4)


def test_a_round_that_only_one_of_them_has_gives_no_ratio(run: Run) -> None:
    run.add("throughput", OURS, 9, {"per_second": 1000.0})
    assert run.ratio("throughput", "per_second", OURS, SERVE) == Spread(median=3, low=2, high=4)
    assert run.ratio("latency", "p50_ms", OURS, SERVE) is None


def test_a_run_comes_back_from_its_file(run: Run, tmp_path: Path) -> None:
    run.write(tmp_path / "run.json")
    assert Run.read(tmp_path / "run.json") == run
