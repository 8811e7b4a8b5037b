"""``python -m benchmarks.scaling.measure``: the service times of costs.py that the local stack can show.

CPU time, not wall time, so that a busy machine distorts little. It takes about a minute.
"""

import time
from pathlib import Path
from typing import Annotated

import typer
import uvloop

from benchmarks.alone import say
from benchmarks.bare import BareModel
from benchmarks.processes import cpu_between, cpu_by_part
from benchmarks.tapped import tapped
from benchmarks.visit import Visit
from benchmarks.wine import draw_rows
from benchmarks.workspace import copy_of_stack, prepare

MERGED = (1, 8, 32, 128, 512)


def main(
    connections: Annotated[list[int] | None, typer.Option(help="Once for each; 1, 64 and 256 if not given.")] = None,
    seconds: Annotated[float, typer.Option(help="Of load, for each number of connections.")] = 10.0,
) -> None:
    """Print CPU milliseconds a request by process, messages a request, and CPU milliseconds of a merged call."""
    uvloop.run(_measure(connections or [1, 64, 256], seconds))


async def _measure(connections: list[int], seconds: float) -> None:
    model = await prepare()
    _print_merged_calls(model)
    async with tapped(copy_of_stack("scaling")) as (_, ondemand, traffic):
        visit = Visit(ondemand, BareModel(model), seconds)
        await visit.warm_up()
        for count in connections:
            say(f"{count} connections")
            sent = traffic.to_bus.copy()
            before = cpu_by_part(ondemand.pids)
            load = await visit.closed(count, seconds)
            cpu = cpu_between(before, cpu_by_part(ondemand.pids))
            each = 1000 / len(load.latencies)
            deliveries = (traffic.to_bus - sent)["disposition"] / len(load.latencies)
            costs = ", ".join(f"{name} {used * each:.2f}" for name, used in cpu.items())
            print(
                f"{count} connections: {load.per_second:.0f} requests/s, {deliveries:.2f} messages a request; "
                f"CPU ms a request: {costs}",
                flush=True,
            )


def _print_merged_calls(model: Path) -> None:
    """CPU time of what one merged call costs run_model: rows to a frame, predict, results to a list."""
    import mlflow.pyfunc

    from functions.run_model.rows import RowReader

    loaded = mlflow.pyfunc.load_model(str(model), suppress_warnings=True)
    reader = RowReader(loaded.metadata.signature)
    for rows in MERGED:
        records = draw_rows(rows, seed=1).records
        repeat = 40
        loaded.predict(reader.read(records).data)
        began = time.process_time()
        for _ in range(repeat):
            loaded.predict(reader.read(records).data).tolist()
        print(f"merged call of {rows} rows: {(time.process_time() - began) / repeat * 1000:.2f} CPU ms", flush=True)


if __name__ == "__main__":
    typer.run(main)
