"""``python -m benchmarks.own.<scenario>``: one scenario of this project alone, printed as JSON."""

from collections.abc import Awaitable, Callable

import uvloop

from benchmarks.harness.cli import CORES, print_run
from benchmarks.harness.machine import describe, speed_ms
from benchmarks.harness.processes import pin
from benchmarks.harness.records import Figures, Run
from benchmarks.serving.contenders.ondemand import Ondemand
from benchmarks.serving.workspace import prepare

Scenario = Callable[[], Awaitable[Figures]]


async def add_scenario(run: Run, name: str, measure: Scenario) -> None:
    """Measure a scenario once, with the speed of the machine at that moment."""
    run.add(name, Ondemand.name, 1, {"million_additions_ms": speed_ms(), **await measure()})


def run_scenario(name: str, measure: Scenario) -> None:
    """Run one scenario, once."""

    async def run_once() -> Run:
        await prepare()
        run = Run(describe(CORES))
        await add_scenario(run, name, measure)
        return run

    pin(CORES)
    print_run(uvloop.run(run_once()))
