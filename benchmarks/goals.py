"""What the figures are to reach, and whether they do."""

from collections.abc import Callable
from dataclasses import dataclass

from benchmarks.harness.distribution import Spread
from benchmarks.harness.records import Run
from benchmarks.serving.contenders.mlflow_serve import MlflowServe
from benchmarks.serving.contenders.mlserver import MlserverBatching, MlserverPlain
from benchmarks.serving.contenders.ondemand import Ondemand

OURS, SERVE = Ondemand.name, MlflowServe.name
MLSERVERS = (MlserverPlain.name, MlserverBatching.name)
Figure = Callable[[Run], Spread | None]


@dataclass(frozen=True)
class Goal:
    """A figure and its bound."""

    text: str
    figure: Figure
    bound: float
    at_least: bool = False
    unit: str = ""

    def is_met(self, value: float) -> bool:
        return value >= self.bound if self.at_least else value <= self.bound


def _ours(scenario: str, figure: str) -> Figure:
    return lambda run: run.spread(scenario, OURS, figure)


def _worst(scenario: str, figure: str) -> Figure:
    """Of all rounds."""

    def figure_of(run: Run) -> Spread | None:
        spread = run.spread(scenario, OURS, figure)
        return spread and Spread(spread.high, spread.low, spread.high)

    return figure_of


def _ratio(scenario: str, figure: str, *others: str) -> Figure:
    """Ours by the best of the others."""

    def figure_of(run: Run) -> Spread | None:
        ratios = [ratio for other in others if (ratio := run.ratio(scenario, figure, OURS, other))]
        return min(ratios, key=lambda ratio: ratio.median, default=None)

    return figure_of


def _latency_beyond_serve(run: Run) -> Spread | None:
    ours, theirs = run.values("latency", OURS, "p50_ms"), run.values("latency", SERVE, "p50_ms")
    beyond = [ours[number] - theirs[number] for number in ours if number in theirs]
    return Spread.of(beyond) if beyond else None


def _cold_to_serve(run: Run) -> Spread | None:
    ours, theirs = run.spread("cold", OURS, "run-model_first_answer_s"), run.spread("start", SERVE, "first_answer_s")
    if ours is None or theirs is None:
        return None
    return Spread(ours.median / theirs.median, ours.low / theirs.high, ours.high / theirs.low)


GOALS = (
    Goal("throughput / `mlflow models serve`", _ratio("throughput", "per_second", SERVE), 1.5, True, "x"),
    Goal("throughput / MLServer at its best", _ratio("throughput", "per_second", *MLSERVERS), 1.0, True, "x"),
    Goal("p50 of one connection beyond `mlflow models serve`", _latency_beyond_serve, 4, unit="ms"),
    Goal("p99 / p50 of one connection", _ours("latency", "p99_to_p50"), 3, unit="x"),
    Goal("stalls over 200 ms, one connection", _worst("latency", "stalls"), 0),
    Goal("stalls over 200 ms, 100 requests/s", _worst("tails", "common_stalls"), 0),
    Goal("1,000 rows / baseline with parsing", _ours("rows", "to_baseline_1000"), 1.3, unit="x"),
    Goal("10,000 rows / baseline with parsing", _ours("rows", "to_baseline_10000"), 1.3, unit="x"),
    Goal("predict: process start to ready", _ours("cold", "predict_ready_s"), 0.6, unit="s"),
    Goal("predict: memory", _ours("cold", "predict_resident_mb"), 90, unit="MB"),
    Goal("run_model: first answer / that of `mlflow models serve`", _cold_to_serve, 0.6, unit="x"),
    Goal("a model never seen, beyond its download", _ours("cold", "new_model_beyond_download_ms"), 60, unit="ms"),
    Goal("look-up by tag, 20,000 models / 10", _ours("many_models", "lookup_by_tag_20000_to_10"), 1.5, unit="x"),
    Goal("loads of one cold model asked for by 50 at once", _ours("many_models", "herd_loads"), 1),
    Goal("training path beyond the notebook alone", _ours("training", "overhead_s"), 3, unit="s"),
    Goal(
        "Jobs API calls a poll for all waiters of a run",
        _ours("training", "status_calls_a_poll"),
        1,
    ),
)
