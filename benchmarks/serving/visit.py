"""One contender in one round: started, warmed up, ready to be measured."""

from dataclasses import asdict, dataclass
from functools import cached_property

from benchmarks.harness.baseline import Baseline
from benchmarks.harness.distribution import Latency
from benchmarks.harness.load import Load, closed_loop, open_loop
from benchmarks.harness.records import Figures
from benchmarks.serving.contenders.contender import Contender
from benchmarks.serving.questions import Questions

DIFFERENT_REQUESTS = 200
WARM_UP_CONNECTIONS = 16


@dataclass
class Visit:
    """``seconds`` is how long one measurement takes; ``per_second`` what the contender sustained, once measured."""

    contender: Contender
    baseline: Baseline
    seconds: float
    per_second: float = 0.0

    @cached_property
    def one_row(self) -> Questions:
        return Questions.draw(self.contender, self.baseline, rows=1, count=DIFFERENT_REQUESTS)

    async def warm_up(self) -> None:
        """Fill caches and pools; what is measured later is the steady state."""
        await self.closed(WARM_UP_CONNECTIONS, self.seconds / 3)

    async def closed(self, connections: int, seconds: float, questions: Questions | None = None) -> Load:
        """A closed loop whose answers are all right. Raises WrongAnswerError."""
        questions = questions or self.one_row
        load = await closed_loop(self.contender.url, questions.requests, connections, seconds)
        questions.check(load)
        return load

    async def open(self, rate: float, seconds: float) -> Load:
        """An open loop whose answers are all right. Raises WrongAnswerError."""
        load = await open_loop(self.contender.url, self.one_row.requests, rate, seconds)
        self.one_row.check(load)
        return load


def latency_figures(load: Load) -> Figures:
    """Percentiles in milliseconds, and the number of stalls."""
    latency = Latency.of(load.latencies)
    return {name if name in ("count", "stalls") else f"{name}_ms": value for name, value in asdict(latency).items()}
