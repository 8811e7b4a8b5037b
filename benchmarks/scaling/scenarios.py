"""What is sized for: arrivals, and the system they meet."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from random import Random

from benchmarks.scaling.chart import KEDA, predict_scaling, queue_scaling
from benchmarks.scaling.costs import ServiceTimes
from benchmarks.scaling.simulation import TICK_S, Outcome, Simulation, System

SEED = 20261123


@dataclass(frozen=True)
class Scenario:
    name: str
    arrivals: tuple[tuple[float, int], ...]
    system: System = field(default_factory=System)
    models: int = 1
    trained: bool = True

    def simulate(self) -> "Result":
        simulation = Simulation(self.system, self.arrivals, models=self.models, trained=self.trained, seed=SEED)
        return Result(self, simulation, simulation.run())


@dataclass(frozen=True)
class Result:
    scenario: Scenario
    simulation: Simulation
    outcome: Outcome


def burst(requests: int = 10_000) -> tuple[tuple[float, int], ...]:
    """All at once, one second after the start."""
    return ((1.0, requests),)


def trickle(every_s: float = 1200.0, seconds: float = 86_400.0) -> tuple[tuple[float, int], ...]:
    """One at a time, at random, so many seconds apart on average."""

    def moments() -> Iterator[float]:
        generator, moment = Random(SEED), 0.0  # noqa: S311  # it draws moments, not secrets
        while (moment := moment + generator.expovariate(1 / every_s)) < seconds:
            yield moment

    return tuple((moment, 1) for moment in moments())


def ramp(to_rate: float, rise_s: float = 180.0, hold_s: float = 60.0) -> tuple[tuple[float, int], ...]:
    """From nothing to so many a second, steadily, which then stays."""
    arrivals, due = [], 0.0
    for tick in range(int((rise_s + hold_s) / TICK_S)):
        due += min(tick * TICK_S / rise_s, 1.0) * to_rate * TICK_S
        arrivals.append((tick * TICK_S, int(due)))
        due -= int(due)
    return tuple(arrival for arrival in arrivals if arrival[1])


WARM = System(run_model=queue_scaling("runModel", minReplicas=1))
NEW_NODES = System(times=replace(ServiceTimes(), run_model_start=180.0, predict_start=180.0))
SLOW = replace(ServiceTimes(), prediction=0.02)
"""A larger model: 20 ms of CPU that merging does not save."""
HALF_A_MINUTE = {
    "scaleUp": KEDA["runModel"]["behavior"]["scaleUp"],
    "scaleDown": {
        "stabilizationWindowSeconds": 300,
        "policies": [{"type": "Percent", "value": 50, "periodSeconds": 60}],
    },
}
LARGE_PREDICT = predict_scaling(cores=1.0, cpuUtilization=50, maxReplicas=30)
"""Fewer, busier instances, whose requests share messages."""
LARGE = System(
    predict=replace(LARGE_PREDICT, min_replicas=6),
    predict_cores=1.0,
    run_model=queue_scaling("runModel", minReplicas=10),
)
"""What docs/scaling.md recommends for 10,000 requests a second."""
STEADY = ramp(200, rise_s=60, hold_s=1140)

SCENARIOS = (
    Scenario("burst of 10,000", burst()),
    Scenario("burst of 10,000, one replica kept", burst(), WARM),
    Scenario("burst of 10,000, nodes have to be added", burst(), NEW_NODES),
    Scenario("burst of 10,000 over 200 models", burst(), models=200),
    Scenario("herd of 1,000 on an untrained model", burst(1_000), trained=False),
    Scenario("herd of 10,000 on an untrained model", burst(), trained=False),
    Scenario("trickle, one every 20 minutes", trickle()),
    Scenario("trickle, one replica kept", trickle(), WARM),
    Scenario("steady 200/s of 20 ms", STEADY, System(times=SLOW)),
    Scenario(
        "steady 200/s of 20 ms, half of them fewer a minute",
        STEADY,
        System(times=SLOW, run_model=queue_scaling("runModel", behavior=HALF_A_MINUTE)),
    ),
    Scenario(
        "steady 200/s of 20 ms, 7 replicas kept",
        STEADY,
        System(times=SLOW, run_model=queue_scaling("runModel", minReplicas=7)),
    ),
    Scenario("ramp to 1,000/s", ramp(1_000)),
    Scenario("ramp to 10,000/s, chart's limits", ramp(10_000)),
    Scenario("ramp to 10,000/s, values for it", ramp(10_000), LARGE),
)
