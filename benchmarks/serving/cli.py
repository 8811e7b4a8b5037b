"""``python -m benchmarks.serving.<scenario>``: one scenario of all contenders, printed as JSON."""

from typing import Annotated

import typer
import uvloop

from benchmarks.harness.cli import CORES, print_run, say
from benchmarks.harness.machine import describe
from benchmarks.harness.processes import pin
from benchmarks.harness.records import Run
from benchmarks.serving.rounds import Scenario, serve_in_rounds
from benchmarks.serving.workspace import prepare


def run_scenario(name: str, measure: Scenario) -> None:
    """Run a scenario of all contenders in rounds."""

    def command(rounds: Annotated[int, typer.Option(min=1)] = 3, seconds: float = 10.0) -> None:
        async def run_rounds() -> Run:
            run = Run(describe(CORES))
            await serve_in_rounds(run, {name: measure}, await prepare(), rounds, seconds, say)
            return run

        pin(CORES)
        print_run(uvloop.run(run_rounds()))

    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    app.command()(command)
    app()
