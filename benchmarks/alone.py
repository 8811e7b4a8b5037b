"""``python -m benchmarks.<scenario>``: one scenario by itself, printed as JSON."""

import sys
from collections.abc import Awaitable, Callable
from typing import Annotated

import orjson
import typer
import uvloop

from benchmarks.contenders.ondemand import Ondemand
from benchmarks.machine import describe, speed_ms
from benchmarks.processes import pin
from benchmarks.records import Figures, Run
from benchmarks.visit import Visit
from benchmarks.workspace import prepare

CORES = [0, 1]
"""All processes of a contender and the load tool run on these."""


def say(text: str) -> None:
    """Tell on standard error what goes on."""
    print(text, file=sys.stderr, flush=True)


def alone(name: str, measure: Callable[[Visit], Awaitable[Figures]]) -> None:
    """Run a scenario of all contenders in rounds."""

    def command(rounds: Annotated[int, typer.Option(min=1)] = 3, seconds: float = 10.0) -> None:
        from benchmarks.rounds import serve_in_rounds  # it imports every contender

        async def run_rounds() -> Run:
            run = Run(describe(CORES))
            await serve_in_rounds(run, {name: measure}, await prepare(), rounds, seconds, say)
            return run

        pin(CORES)
        _print(uvloop.run(run_rounds()))

    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    app.command()(command)
    app()


def own_alone(name: str, measure: Callable[[], Awaitable[Figures]]) -> None:
    """Run a scenario of ours only, once."""

    async def run_once() -> Run:
        await prepare()
        run = Run(describe(CORES))
        run.add(name, Ondemand.name, 1, {"million_additions_ms": speed_ms(), **await measure()})
        return run

    pin(CORES)
    _print(uvloop.run(run_once()))


def _print(run: Run) -> None:
    sys.stdout.buffer.write(orjson.dumps(run, option=orjson.OPT_INDENT_2) + b"\n")
