"""``python -m benchmarks``: the whole benchmark, or with ``--quick`` its headline ratios."""

from typing import Annotated

import typer
import uvloop

from benchmarks import latency, rows, tails, throughput
from benchmarks.alone import CORES, say
from benchmarks.machine import describe
from benchmarks.processes import pin
from benchmarks.records import Run
from benchmarks.report import headlines, markdown, write_between_markers
from benchmarks.rounds import Scenario, serve_in_rounds
from benchmarks.workspace import BENCH, ROOT, prepare

DOCUMENT = ROOT / "docs" / "benchmarks.md"
PLOTS = ROOT / "docs" / "benchmarks"
RESULTS = ROOT / "benchmarks" / "results"
SERVING: dict[str, Scenario] = {
    "throughput": throughput.measure,
    "latency": latency.measure,
    "tails": tails.measure,
    "rows": rows.measure,
}
QUICK = ("throughput", "latency", "rows")

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def main(
    quick: Annotated[bool, typer.Option(help="The headline ratios only, in less than 5 minutes.")] = False,
    publish: Annotated[bool, typer.Option(help="Write docs/benchmarks.md, its plots and the raw results.")] = False,
    rounds: Annotated[int | None, typer.Option(min=1, help="5, or 2 when quick.")] = None,
    seconds: Annotated[float | None, typer.Option(min=1, help="Of one measurement: 12, or 4 when quick.")] = None,
) -> None:
    """Measure ours beside its peers, and print the table. Everything runs on the same cores."""
    pin(CORES)
    run = Run(describe(CORES))
    scenarios = {name: SERVING[name] for name in QUICK} if quick else SERVING
    uvloop.run(_measure(run, scenarios, rounds or (2 if quick else 5), seconds or (4 if quick else 12), quick))
    run.write(BENCH / "latest.json")
    print(headlines(run) if quick else markdown(run))
    if publish:
        _publish(run)


async def _measure(run: Run, scenarios: dict[str, Scenario], rounds: int, seconds: float, quick: bool) -> None:
    model = await prepare()
    await serve_in_rounds(run, scenarios, model, rounds, seconds, say)


def _publish(run: Run) -> None:
    from benchmarks.plots import draw  # matplotlib takes half a second

    PLOTS.mkdir(exist_ok=True)
    draw(run, PLOTS)
    run.write(RESULTS / "published.json")
    write_between_markers(DOCUMENT, markdown(run))


if __name__ == "__main__":
    app()
