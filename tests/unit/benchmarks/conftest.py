import pytest

from benchmarks.harness.records import Run
from benchmarks.serving.contenders.mlflow_serve import MlflowServe
from benchmarks.serving.contenders.ondemand import Ondemand

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
