"""Warm throughput: one row a request over 64 connections, and what a prediction costs in CPU time."""

from benchmarks.harness.processes import cpu_between, cpu_by_part
from benchmarks.harness.records import Figures
from benchmarks.serving.cli import run_scenario
from benchmarks.serving.visit import Visit, latency_figures

CONNECTIONS = 64


async def measure(visit: Visit) -> Figures:
    """Requests a second; CPU milliseconds a request of the whole system, of each part, and of the load tool."""
    before = cpu_by_part(visit.contender.pids)
    load = await visit.closed(CONNECTIONS, visit.seconds)
    cpu = cpu_between(before, cpu_by_part(visit.contender.pids))
    visit.per_second = load.per_second
    count = len(load.latencies)
    return {
        "per_second": load.per_second,
        **latency_figures(load),
        "cpu_ms": sum(cpu.values()) / count * 1000,
        **{f"cpu_{name}_ms": seconds / count * 1000 for name, seconds in cpu.items()},
        "tool_cpu_ms": load.tool_cpu_s / count * 1000,
    }


if __name__ == "__main__":
    run_scenario("throughput", measure)
