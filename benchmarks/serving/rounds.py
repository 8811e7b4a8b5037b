"""The contenders in turn, A B C A B C: what changes on the machine meanwhile changes for all of them."""

import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path

from benchmarks.harness.baseline import Baseline
from benchmarks.harness.load import closed_loop
from benchmarks.harness.processes import resident_bytes
from benchmarks.harness.records import Figures, Run
from benchmarks.harness.wine import draw_rows
from benchmarks.serving.contenders.contender import Contender
from benchmarks.serving.contenders.mlflow_serve import MlflowServe
from benchmarks.serving.contenders.mlserver import MlserverBatching, MlserverPlain
from benchmarks.serving.contenders.ondemand import Ondemand
from benchmarks.serving.questions import Questions
from benchmarks.serving.visit import Visit
from benchmarks.serving.workspace import BENCH, copy_of_stack

Scenario = Callable[[Visit], Awaitable[Figures]]
BASELINE = "baseline"


def contenders(model: Path) -> Sequence[Contender]:
    """New ones for every round; ours with nothing but the model left of the last one."""
    ondemand = Ondemand(copy_of_stack("serving"))
    return (ondemand, MlflowServe(BENCH, model), MlserverPlain(BENCH, model), MlserverBatching(BENCH, model))


async def serve_in_rounds(
    run: Run, scenarios: Mapping[str, Scenario], model: Path, rounds: int, seconds: float, say: Callable[[str], None]
) -> None:
    """Start, warm up, measure and stop each contender in each round; one measurement takes *seconds*."""
    baseline = Baseline(model)
    for number in range(1, rounds + 1):
        for contender in contenders(model):
            say(f"round {number} of {rounds}: {contender.name}")
            await _visit(run, scenarios, contender, baseline, number, seconds)
        run.add("baseline", BASELINE, number, _baseline_figures(baseline))


async def _visit(
    run: Run, scenarios: Mapping[str, Scenario], contender: Contender, baseline: Baseline, number: int, seconds: float
) -> None:
    began = time.perf_counter()
    async with contender:
        ready = time.perf_counter() - began
        first = await _first_answer(contender, baseline)
        run.add("start", contender.name, number, {"ready_s": ready, "first_answer_s": ready + first})
        visit = Visit(contender, baseline, seconds)
        await visit.warm_up()
        for name, measure in scenarios.items():
            run.add(name, contender.name, number, await measure(visit))
        memory = sum(resident_bytes(pid) for pid in contender.pids.values())
        run.add("memory", contender.name, number, {"resident_mb": memory / 1e6})


async def _first_answer(contender: Contender, baseline: Baseline) -> float:
    """Seconds until the very first prediction is there."""
    questions = Questions.draw(contender, baseline, rows=1, count=1)
    load = await closed_loop(contender.url, questions.requests, connections=1, seconds=0)
    questions.check(load)
    return load.latencies[0]


def _baseline_figures(baseline: Baseline) -> Figures:
    row = draw_rows(1, seed=0)
    whole, predict = baseline.seconds(row, repeat=300), baseline.predict_seconds(row, repeat=300)
    return {"per_second": 1 / whole, "p50_ms": whole * 1000, "predict_ms": predict * 1000}
