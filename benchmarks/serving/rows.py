"""Requests of 1,000 and 10,000 rows beside parsing and predicting the same rows without any server."""

from statistics import median

from benchmarks.harness.records import Figures
from benchmarks.harness.wine import draw_rows
from benchmarks.serving.cli import run_scenario
from benchmarks.serving.questions import Questions
from benchmarks.serving.visit import Visit

SIZES = (1_000, 10_000)
DIFFERENT_REQUESTS = 3
TURNS = 8
"""The one and the other in turn, so that a slow second of the machine is in both."""


async def measure(visit: Visit) -> Figures:
    """Median milliseconds of a request, of the baseline, and the one divided by the other."""
    figures: Figures = {}
    for size in SIZES:
        questions = Questions.draw(visit.contender, visit.baseline, rows=size, count=DIFFERENT_REQUESTS)
        rows, asked, baseline = draw_rows(size, seed=0), list[float](), list[float]()
        for _ in range(TURNS):
            asked += (await visit.closed(1, visit.seconds / 2 / TURNS, questions)).latencies
            baseline.append(visit.baseline.seconds(rows, repeat=20_000 // size))
        p50, limit = median(asked), median(baseline)
        figures |= {
            f"p50_{size}_ms": p50 * 1000,
            f"baseline_{size}_ms": limit * 1000,
            f"to_baseline_{size}": p50 / limit,
        }
    return figures


if __name__ == "__main__":
    run_scenario("rows", measure)
