"""Tails under a constant rate: the same rate for everybody, and half of what each one sustains."""

from benchmarks.harness.records import Figures
from benchmarks.serving.cli import run_scenario
from benchmarks.serving.throughput import CONNECTIONS
from benchmarks.serving.visit import Visit, latency_figures

COMMON_RATE = 100.0
"""Requests a second that every contender sustains on two cores."""
LOAD = 0.5


async def measure(visit: Visit) -> Figures:
    """Latencies from the moment each request was due."""
    if not visit.per_second:
        visit.per_second = (await visit.closed(CONNECTIONS, visit.seconds / 2)).per_second
    half = LOAD * visit.per_second
    common = await visit.open(COMMON_RATE, visit.seconds)
    at_half = await visit.open(half, visit.seconds)
    return {
        "half_per_second": half,
        **{f"common_{name}": value for name, value in latency_figures(common).items()},
        **{f"half_{name}": value for name, value in latency_figures(at_half).items()},
    }


if __name__ == "__main__":
    run_scenario("tails", measure)
