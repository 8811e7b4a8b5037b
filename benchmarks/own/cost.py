"""What a prediction costs on the bus: Service Bus bills operations, and every message is sent, received and settled."""

from collections import Counter

from benchmarks.harness.baseline import Baseline
from benchmarks.harness.records import Figures
from benchmarks.own.cli import run_scenario
from benchmarks.own.tapped import tapped
from benchmarks.serving.throughput import CONNECTIONS
from benchmarks.serving.visit import Visit
from benchmarks.serving.workspace import MODEL, copy_of_stack

SECONDS = 8.0


async def measure() -> Figures:
    """Per prediction: what was sent, received and settled, and all frames, with one connection and with many."""
    figures: Figures = {}
    async with tapped(copy_of_stack("cost")) as (_, ondemand, traffic):
        visit = Visit(ondemand, Baseline(MODEL), SECONDS)
        await visit.warm_up()
        for connections in (1, CONNECTIONS):
            before = traffic.to_bus.copy(), traffic.from_bus.copy()
            load = await visit.closed(connections, SECONDS)
            sent, answered = traffic.to_bus - before[0], traffic.from_bus - before[1]
            figures |= _figures(f"{connections}_connections", sent, answered, len(load.answers))
    return figures


def _figures(prefix: str, sent: Counter[str], answered: Counter[str], predictions: int) -> Figures:
    """A send is a transfer to the bus, however many messages it has; a delivery is a message from it."""
    counts = {
        "sends": sent["transfer"],
        "deliveries": answered["transfer"],
        "settlements": sent["disposition"],
        "frames": sent["frames"] + answered["frames"],
    }
    return {f"{prefix}_{name}": count / predictions for name, count in counts.items()}


if __name__ == "__main__":
    run_scenario("cost", measure)
