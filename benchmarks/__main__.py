"""``python -m benchmarks``: the whole benchmark, or with ``--quick`` its headline ratios."""

from typing import Annotated

import typer
import uvloop

from benchmarks.harness.cli import CORES, say
from benchmarks.harness.machine import describe
from benchmarks.harness.processes import pin
from benchmarks.harness.records import Run
from benchmarks.own import cli, cold, cost, many_models, training
from benchmarks.report import headlines, markdown
from benchmarks.serving import latency, rows, tails, throughput
from benchmarks.serving.rounds import Scenario, serve_in_rounds
from benchmarks.serving.workspace import LATEST, prepare

SERVING: dict[str, Scenario] = {
    "throughput": throughput.measure,
    "latency": latency.measure,
    "tails": tails.measure,
    "rows": rows.measure,
}
OWN: dict[str, cli.Scenario] = {
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
    for name, measure in [] if quick else OWN.items():
        say(name)
        await cli.add_scenario(run, name, measure)


if __name__ == "__main__":
    app()
