"""The simulation loses nothing, repeats itself, and is fed from the charts."""

from dataclasses import replace
from math import inf

import pytest
import yaml

from benchmarks.scaling import chart
from benchmarks.scaling.chart import predict_scaling, queue_scaling
from benchmarks.scaling.clock import Clock
from benchmarks.scaling.costs import Prices, ServiceTimes
from benchmarks.scaling.decision import Policy
from benchmarks.scaling.scenarios import WARM, burst, ramp
from benchmarks.scaling.simulation import Outcome, Simulation, System
from benchmarks.scaling.sizing import settle
from benchmarks.workspace import ROOT
from functions.outbox.packing import MAX_SHARED

FULL = replace(System(), max_waiting=10)


@pytest.mark.parametrize(
    ("system", "requests", "models", "trained"),
    [
        (System(), 1, 1, True),
        (System(), 5_000, 1, True),
        (System(), 500, 50, True),
        (WARM, 5_000, 1, True),
        (FULL, 200, 1, True),
        (System(), 300, 1, False),
        (System(), 300, 7, False),
    ],
)
def test_every_request_is_answered_exactly_once(system: System, requests: int, models: int, trained: bool) -> None:
    outcome = Simulation(system, burst(requests), models=models, trained=trained).run()
    assert outcome.asked == outcome.answered == requests
    assert sum(count for _, count in outcome.took) == requests
    assert all(seconds > 0 for seconds, _ in outcome.took)
    assert outcome.trainings == (0 if trained else models)


def test_the_same_seed_gives_the_same_outcome() -> None:
    first, second = (Simulation(System(), burst(2_000), models=30, seed=7).run() for _ in range(2))
    assert first == second
    assert first != Simulation(System(), burst(2_000), models=30, seed=8).run()


def test_who_finds_no_place_is_refused_and_comes_again() -> None:
    outcome = Simulation(FULL, burst(200)).run()
    assert outcome.refused > 0
    assert Simulation(System(), burst(200)).run().refused == 0


def test_a_replica_from_zero_costs_the_first_request_its_start() -> None:
    times = ServiceTimes()
    cold = Simulation(System(), burst(1)).run().percentile(50)
    warm = Simulation(WARM, burst(1)).run().percentile(50)
    least = times.run_model_start + times.look_up + times.load
    assert least < cold < least + queue_scaling("runModel").polling_s + 1
    assert warm < 1


def test_all_is_back_at_zero_in_the_end() -> None:
    simulation = Simulation(System(), burst(100), trained=False)
    ended = simulation.run().ended
    for name in ("runModel", "train"):
        deployment = simulation.deployments[name]
        assert deployment.peak > 0
        assert deployment.timeline[-1][1] == 0
        assert 0 < deployment.pod_seconds(ended) < deployment.peak * ended


def test_a_run_of_databricks_is_looked_at_until_it_is_over() -> None:
    times = ServiceTimes()
    outcome = Simulation(System(), burst(1), trained=False).run()
    assert outcome.percentile(50) > times.training
    slow = replace(System(), times=replace(times, training=2 * times.training))
    assert Simulation(slow, burst(1), trained=False).run().percentile(50) > 2 * times.training


def test_as_many_replicas_as_sizing_says_are_enough_for_a_steady_load() -> None:
    times = replace(ServiceTimes(), prediction=0.02)
    said = settle(200, times, predict_scaling(), queue_scaling("runModel"))
    system = replace(System(), times=times, run_model=queue_scaling("runModel", minReplicas=said.run_model))
    simulation = Simulation(system, ramp(200, rise_s=30, hold_s=120))
    outcome = simulation.run()
    assert simulation.deployments["runModel"].peak == said.run_model
    assert said.answer_s < outcome.percentile(50) < 10 * said.answer_s


def test_half_as_many_are_not() -> None:
    times = replace(ServiceTimes(), prediction=0.02)
    system = replace(System(), times=times, run_model=queue_scaling("runModel", minReplicas=3, maxReplicas=3))
    assert Simulation(system, ramp(200, rise_s=30, hold_s=120)).run().percentile(95) > 5


def test_what_cannot_keep_up_is_said() -> None:
    slow = replace(ServiceTimes(), prediction=1.0)
    settled = settle(100, slow, predict_scaling(), queue_scaling("runModel"))
    assert settled.answer_s == inf
    assert settled.run_model == queue_scaling("runModel").max_replicas < settled.run_model_wanted


def test_predictions_share_messages_under_load_only() -> None:
    times = ServiceTimes()
    assert times.together(1) == 1
    assert times.together(1e6) == MAX_SHARED
    assert 1 < times.together(500) < MAX_SHARED


def test_defaults_are_the_charts_values() -> None:
    keda = yaml.safe_load((ROOT / "keda/values.yaml").read_text(encoding="utf-8"))
    scaling = queue_scaling("runModel")
    assert scaling.target == keda["runModel"]["messageCount"]
    assert (scaling.min_replicas, scaling.max_replicas) == (
        keda["runModel"]["minReplicas"],
        keda["runModel"]["maxReplicas"],
    )
    assert scaling.down.policies == (Policy("Pods", 1, 120),)
    assert queue_scaling("train").polling_s == keda["train"]["pollingInterval"]
    assert queue_scaling("train", pollingInterval=3).polling_s == 3
    assert predict_scaling().target == pytest.approx(keda["predict"]["cpuUtilization"] / 100 * 0.25)
    assert chart.cpu_request("runModel") == 1
    assert scaling.target <= chart.MAX_CONCURRENT_CALLS


def test_prices_by_tiers() -> None:
    prices = Prices(standard_month=10, standard_millions=((13, 0), (100, 0.8), (2500, 0.5), (inf, 0.2)))
    million_a_month = 1e6 / (730 * 3600)
    assert prices.standard(13 * million_a_month) == pytest.approx(10)
    assert prices.standard(200 * million_a_month) == pytest.approx(10 + 87 * 0.8 + 100 * 0.5)


def test_the_clock_keeps_the_order_and_gives_up() -> None:
    clock, seen = Clock(), list[str]()
    clock.at(2, lambda: seen.append("later"))
    clock.at(1, lambda: seen.append("first"))
    clock.at(1, lambda: seen.append("second"))
    with pytest.raises(TimeoutError):
        clock.run(lambda: False, longest=10)
    assert seen == ["first", "second", "later"]


def test_percentiles_are_of_requests_not_of_answers() -> None:
    outcome = Outcome(answered=100, took=[(9.0, 1), (1.0, 99)])
    assert (outcome.percentile(50), outcome.percentile(99), outcome.percentile(100)) == (1.0, 1.0, 9.0)
