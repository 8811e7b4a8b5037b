"""``python -m benchmarks.own.profile``: where a request's time goes, by process, stage and function.

py-spy samples the three processes that a warm prediction passes, only while they hold the GIL, and the samples share
out the CPU time that the same load costs without it. So kernel time counts for the Python function that spent it.
"""

import asyncio
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer
import uvloop

from benchmarks.harness.baseline import Baseline
from benchmarks.harness.cli import CORES, say
from benchmarks.harness.processes import cpu_between, cpu_by_part, pin
from benchmarks.own.stages import Stacks, by_function, by_stage, in_functions, read_stacks
from benchmarks.serving.contenders.ondemand import Ondemand
from benchmarks.serving.visit import Visit, latency_figures
from benchmarks.serving.workspace import BENCH, copy_of_stack, prepare

PROCESSES = ("predict", "run-model", "broker")
SAMPLES_PER_SECOND = 150
TOP_FUNCTIONS = 15

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def main(
    connections: Annotated[list[int] | None, typer.Option(help="Once for each; 1 and 64 if not given.")] = None,
    seconds: Annotated[float, typer.Option(help="Of sampling.")] = 15.0,
) -> None:
    """Print, as markdown, the CPU milliseconds that a prediction costs in each process, by stage and by function."""
    pin(CORES)
    uvloop.run(_profile(connections or [1, 64], seconds))


async def _profile(connections: list[int], seconds: float) -> None:
    baseline = Baseline(await prepare())
    async with Ondemand(copy_of_stack("profile")) as ondemand:
        visit = Visit(ondemand, baseline, seconds)
        await visit.warm_up()
        for count in connections:
            say(f"{count} connections")
            cpu_ms = await _cpu_ms(visit, count)
            for process, stacks in (await _sample(visit, count)).items():
                _print(process, count, cpu_ms[process], stacks)


async def _cpu_ms(visit: Visit, connections: int) -> dict[str, float]:
    """CPU milliseconds a prediction by process, without any profiler."""
    before = cpu_by_part(visit.contender.pids)
    load = await visit.closed(connections, visit.seconds / 2)
    cpu = cpu_between(before, cpu_by_part(visit.contender.pids))
    figures = latency_figures(load)
    costs = {name: seconds / len(load.latencies) * 1000 for name, seconds in cpu.items()}
    print(f"\n## {connections} connections\n")
    print(f"{load.per_second:.0f} requests/s, p50 {figures['p50_ms']:.1f} ms, p99 {figures['p99_ms']:.1f} ms.")
    print(f"CPU ms a prediction: {sum(costs.values()):.2f}: ", end="")
    print(", ".join(f"{name} {cost:.2f}" for name, cost in costs.items()) + ".")
    return costs


async def _sample(visit: Visit, connections: int) -> dict[str, Stacks]:
    with TemporaryDirectory() as folder:
        files = {process: Path(folder) / process for process in PROCESSES}
        samplers = [
            await _py_spy(visit.contender.pids[process], visit.seconds, file) for process, file in files.items()
        ]
        await visit.closed(connections, visit.seconds + 2)  # py-spy takes a moment to begin
        if any([await sampler.wait() for sampler in samplers]):
            raise RuntimeError("py-spy failed; it needs the right to trace processes (root, or ptrace_scope 0)")
        return {process: read_stacks(file.read_text().splitlines()) for process, file in files.items()}


async def _py_spy(pid: int, seconds: float, output: Path) -> asyncio.subprocess.Process:
    options = ("--gil", "--format", "raw", "--rate", str(SAMPLES_PER_SECOND), "--duration", str(round(seconds)))
    return await asyncio.create_subprocess_exec(
        str(BENCH / "venvs" / "profiler" / "bin" / "py-spy"),
        *("record", "--pid", str(pid), "--output", str(output), *options),
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )


def _print(process: str, connections: int, cpu_ms: float, stacks: Stacks) -> None:
    samples = stacks.total()
    print(f"\n### {process}, {connections} connections: {cpu_ms:.2f} ms\n\n| stage | CPU ms | % |\n| --- | --- | --- |")
    for stage, count in by_stage(stacks).most_common():
        print(f"| {stage} | {cpu_ms * count / samples:.3f} | {100 * count / samples:.0f} |")
    print(f"\nIn functions/ and what it calls, without the host: {cpu_ms * in_functions(stacks) / samples:.3f} ms.")
    top: Counter[str] = by_function(stacks)
    functions = (f"{name} {cpu_ms * count / samples:.3f}" for name, count in top.most_common(TOP_FUNCTIONS))
    print(f"\nMost by themselves: {'; '.join(functions)}", flush=True)


if __name__ == "__main__":
    app()
