"""The tables of docs/scaling.md, which stand between markers there."""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from math import isfinite

from benchmarks.report import number
from benchmarks.scaling.chart import cpu_request
from benchmarks.scaling.costs import Prices, ServiceTimes
from benchmarks.scaling.scenarios import LARGE_PREDICT, SCENARIOS, Result
from benchmarks.scaling.simulation import OPERATIONS, System
from benchmarks.scaling.sizing import Settled, settle

RATES = (1, 10, 100, 1_000, 10_000)
BOTTLENECK_RATES = (100, 1_000, 10_000)
PREDICTION_MS = (0.2, 5.0, 50.0)
"""The measured one of a small linear model; two of larger ones."""
STANDARD_CREDITS = 1_000
"""A second, of a namespace."""
CONNECTIONS_A_POD = 5
"""Of AMQP, at most: the host's client, three senders, the inbox; sharing is off in azure-servicebus."""


def tables(results: Sequence[Result]) -> dict[str, str]:
    """By the names of their markers."""
    return {
        "costs": costs_table(),
        "settled": settled_table(),
        "bottlenecks": bottlenecks_table(),
        "scenarios": scenarios_table(results),
        "scenario costs": scenario_costs_table(results),
    }


def simulate_all(say: Callable[[str], None] = lambda name: None) -> list[Result]:
    """All scenarios, which takes seconds."""
    results = []
    for scenario in SCENARIOS:
        say(scenario.name)
        results.append(scenario.simulate())
    return results


def rewritten(document: str, texts: dict[str, str]) -> str:
    """The document with each text between its markers. Raises ValueError for markers that are not there once."""
    for name, text in texts.items():
        pattern = re.compile(rf"(<!-- {name}: begin -->).*?(<!-- {name}: end -->)", re.DOTALL)
        found = list(pattern.finditer(document))
        if len(found) != 1:
            raise ValueError(f"the markers of {name!r} are not there once")
        document = f"{document[: found[0].end(1)]}\n\n{text}\n\n{document[found[0].start(2) :]}"
    return document


def costs_table() -> str:
    """What one request costs each part, by how many share a message."""
    times = ServiceTimes()
    rows = []
    for together in (1, 8, 32):
        predict = times.predict_request + times.predict_message / together
        run_model = times.round(1, together) / together
        rows.append(
            (str(together), *(f"{each * 1000:.2f}" for each in (predict, run_model)), number(2 * OPERATIONS / together))
        )
    return _table(("predictions a message", "predict, CPU ms", "run_model, CPU ms", "Service Bus operations"), rows)


def settled_table() -> str:
    """Replicas by rate and CPU of a prediction, with the chart's values."""
    system = System()
    rows = []
    for rate in RATES:
        cells = [number(rate)]
        settled = [
            settle(rate, replace(system.times, prediction=each / 1000), system.predict, system.run_model)
            for each in PREDICTION_MS
        ]
        cells.append(_replicas(settled[0].predict, settled[0].predict_wanted))
        for each in settled:
            answer = f"{number(each.answer_s * 1000)} ms" if isfinite(each.answer_s) else "falls behind"
            cells.append(f"{_replicas(each.run_model, each.run_model_wanted)} ({answer})")
        rows.append(cells)
    head = ("requests/s", "predict", *(f"run_model, {number(each)} ms a prediction" for each in PREDICTION_MS))
    return _table(head, rows)


def bottlenecks_table() -> str:
    """What a steady rate of small predictions uses, with the chart's values and with those for 10,000 a second."""
    rows = []
    for rate in BOTTLENECK_RATES:
        for name, system in (("chart", System()), ("larger predict", System(predict=LARGE_PREDICT))):
            settled = settle(rate, system.times, system.predict, system.run_model)
            rows.append((number(rate), name, *_use(settled)))
    head = (
        "requests/s", "values", "predict", "cores it uses", "predictions a message", "messages/s", "credits/s",
        "run_model", "connections", "Service Bus Standard, $ a month",
    )  # fmt: skip
    return _table(head, rows)


def _use(settled: Settled) -> tuple[str, ...]:
    return (
        _replicas(settled.predict, settled.predict_wanted),
        number(round(settled.predict * settled.predict_busy, 1)),
        number(round(settled.together, 1)),
        number(round(2 * settled.messages)),
        f"**{number(round(settled.credits))}**" if settled.credits > STANDARD_CREDITS else number(settled.credits),
        _replicas(settled.run_model, settled.run_model_wanted),
        number((settled.predict + settled.run_model) * CONNECTIONS_A_POD),
        number(round(Prices().standard(settled.operations))),
    )


def scenarios_table(results: Iterable[Result]) -> str:
    """What clients and operators see."""
    rows = []
    for result in results:
        outcome, simulation = result.outcome, result.simulation
        last = result.scenario.arrivals[-1][0]
        rows.append(
            (
                result.scenario.name,
                number(outcome.asked),
                _seconds(outcome.drained - last),
                " / ".join(_seconds(outcome.percentile(each)) for each in (50, 95, 99)),
                number(outcome.refused),
                " / ".join(str(each.peak) for each in simulation.deployments.values()),
                " / ".join(str(each.starts) for each in simulation.deployments.values()),
                number(max(simulation.run_model.deepest, simulation.train.deepest)),
            )
        )
    head = (
        "scenario", "requests", "last answer, s after the last request", "answered in s: p50 / p95 / p99",
        "429s, tried again", "peak replicas: predict / run_model / train", "replicas started", "deepest queue",
    )  # fmt: skip
    return _table(head, rows)


def scenario_costs_table(results: Iterable[Result]) -> str:
    """What is paid for, until run_model and train are at their minimum again."""
    prices, rows = Prices(), []
    for result in results:
        outcome, simulation = result.outcome, result.simulation
        cores = {
            "predict": result.scenario.system.predict_cores,
            **{each: cpu_request(each) for each in ("runModel", "train")},
        }
        pods = {name: each.pod_seconds(outcome.ended) for name, each in simulation.deployments.items()}
        compute = sum(pods[name] * cores[name] for name in pods) / 3600 * prices.vcpu_hour
        bus, runs = prices.operations(outcome.operations), outcome.trainings * prices.databricks_run
        rows.append(
            (
                result.scenario.name,
                number(outcome.ended / 60),
                " / ".join(number(round(each)) for each in pods.values()),
                number(outcome.operations),
                number(max(outcome.by_second.values())),
                str(outcome.trainings),
                f"{compute + bus + runs:.3f} = {compute:.3f} + {bus:.3f} + {runs:.3f}",
            )
        )
    head = (
        "scenario", "minutes", "pod seconds: predict / run_model / train", "Service Bus operations", "most in a second",
        "Databricks runs", "$ = pods + bus + runs",
    )  # fmt: skip
    return _table(head, rows)


def own_table(rate: float, prediction_ms: float) -> str:
    """For a rate and a model of yours, with the chart's values."""
    system = System()
    times = replace(system.times, prediction=prediction_ms / 1000)
    settled = settle(rate, times, system.predict, system.run_model)
    head = (
        "predict", "cores it uses", "predictions a message", "messages/s", "credits/s", "run_model", "connections",
        "Service Bus Standard, $ a month",
    )  # fmt: skip
    return _table(head, [_use(settled)])


def _replicas(number: int, wanted: int) -> str:
    return str(number) if number == wanted else f"{number} of **{wanted}**"


def _seconds(value: float) -> str:
    return f"{value:.2f}" if value < 10 else f"{value:.0f}"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (head, ["---"] * len(head), *rows))
