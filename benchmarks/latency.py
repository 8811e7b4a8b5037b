"""Warm latency: one row a request, one connection, one request after the other."""

from benchmarks.alone import alone
from benchmarks.records import Figures
from benchmarks.visit import Visit, latency_figures


async def measure(visit: Visit) -> Figures:
    """Percentiles of all requests; stalls are those over 200 ms."""
    figures = latency_figures(await visit.closed(1, visit.seconds))
    return {**figures, "p99_to_p50": figures["p99_ms"] / figures["p50_ms"]}


if __name__ == "__main__":
    alone("latency", measure)
