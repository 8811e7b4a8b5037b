"""Warm latency: one row a request, one connection, one request after the other."""

from benchmarks.harness.records import Figures
from benchmarks.serving.cli import run_scenario
from benchmarks.serving.visit import Visit, latency_figures


async def measure(visit: Visit) -> Figures:
    """Percentiles of all requests; stalls are those over 200 ms."""
    figures = latency_figures(await visit.closed(1, visit.seconds))
    return {**figures, "p99_to_p50": figures["p99_ms"] / figures["p50_ms"]}


if __name__ == "__main__":
    run_scenario("latency", measure)
