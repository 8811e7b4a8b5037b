"""Requests of 1,000 and 10,000 rows beside parsing and predicting the same rows without any server."""

from benchmarks.alone import alone
from benchmarks.distribution import percentile
from benchmarks.questions import Questions
from benchmarks.records import Figures
from benchmarks.visit import Visit
from benchmarks.wine import draw_rows

SIZES = (1_000, 10_000)
DIFFERENT_REQUESTS = 3


async def measure(visit: Visit) -> Figures:
    """Median milliseconds of a request, of the bare model, and the one divided by the other."""
    figures: Figures = {}
    for size in SIZES:
        questions = Questions.draw(visit.contender, visit.bare, rows=size, count=DIFFERENT_REQUESTS)
        load = await visit.closed(1, visit.seconds / 2, questions)
        bare = visit.bare.seconds(draw_rows(size, seed=0), repeat=max(20, 50_000 // size))
        median = percentile(sorted(load.latencies), 50)
        figures |= {f"p50_{size}_ms": median * 1000, f"bare_{size}_ms": bare * 1000, f"to_bare_{size}": median / bare}
    return figures


if __name__ == "__main__":
    alone("rows", measure)
