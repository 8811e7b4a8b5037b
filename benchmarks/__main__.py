"""``python -m benchmarks``: the whole benchmark, or with ``--quick`` its headline ratios."""

from collections.abc import Awaitable, Callable
from typing import Annotated

import typer
import uvloop

from benchmarks import cold, cost, latency, many_models, rows, tails, throughput, training
from benchmarks.alone import CORES, say
from benchmarks.contenders.ondemand import Ondemand
from benchmarks.machine import describe, speed_ms
from benchmarks.processes import pin
from benchmarks.records import Figures, Run
from benchmarks.report import headlines, markdown
from benchmarks.rounds import Scenario, serve_in_rounds
from benchmarks.workspace import LATEST, prepare

SERVING: dict[str, Scenario] = {
    "throughput": throughput.measure,
    "latency": latency.measure,
    "tails": tails.measure,
    "rows": rows.measure,
}
OURS: dict[str, Callable[[], Awaitable[Figures]]] = {
    "cold": cold.measure,
    "many_models": many_models.measure,
    "training": training.measure,
    "cost": cost.measure,
}
QUICK = ("throughput", "latency", "rows")

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def main(
    quick: Annotated[bool, typer.Option(help="The headline ratios only, in less than 5 minutes.")] = False,
    rounds: Annotated[int | None, typer.Option(min=1, help="5, or 2 when quick.")] = None,
    seconds: Annotated[float | None, typer.Option(min=1, help="Of one measurement: 12, or 4 when quick.")] = None,
) -> None:
    """Measure ours beside its peers and print the table. Raw results go to .bench/latest.json, also of a failed run."""
    pin(CORES)
    run = Run(describe(CORES))
    scenarios = {name: SERVING[name] for name in QUICK} if quick else SERVING
    try:
        uvloop.run(_measure(run, scenarios, rounds or (2 if quick else 5), seconds or (4 if quick else 12), quick))
    finally:
        run.write(LATEST)
    print(headlines(run) if quick else markdown(run))


async def _measure(run: Run, scenarios: dict[str, Scenario], rounds: int, seconds: float, quick: bool) -> None:
    model = await prepare()
    await serve_in_rounds(run, scenarios, model, rounds, seconds, say)
    for name, measure in [] if quick else OURS.items():
        say(name)
        run.add(name, Ondemand.name, 1, {"million_additions_ms": speed_ms(), **await measure()})


if __name__ == "__main__":
    app()
