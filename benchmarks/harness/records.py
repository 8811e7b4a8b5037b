"""Raw results: one record a scenario, contender and round; a run of the benchmark is a JSON file of them."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import orjson

from benchmarks.harness.distribution import Spread
from benchmarks.harness.machine import Machine

Figures = dict[str, float]


@dataclass(frozen=True)
class Record:
    """What a scenario measured of a contender in a round, by name; the names end in their unit."""

    scenario: str
    contender: str
    round: int
    figures: Figures


@dataclass
class Run:
    """All records of one run, and what it ran on."""

    machine: Machine
    records: list[Record] = field(default_factory=list)

    def add(self, scenario: str, contender: str, number: int, figures: Figures) -> None:
        self.records.append(Record(scenario, contender, number, figures))

    def values(self, scenario: str, contender: str, figure: str) -> dict[int, float]:
        """A figure by round; empty if it was not measured."""
        return {
            record.round: record.figures[figure]
            for record in self.records
            if (record.scenario, record.contender) == (scenario, contender) and figure in record.figures
        }

    def spread(self, scenario: str, contender: str, figure: str) -> Spread | None:
        values = self.values(scenario, contender, figure)
        return Spread.of([*values.values()]) if values else None

    def ratio(self, scenario: str, figure: str, contender: str, other: str) -> Spread | None:
        """*contender*'s figure divided by that of the *other* in the same round: slow rounds are slow for both."""
        ours, theirs = self.values(scenario, contender, figure), self.values(scenario, other, figure)
        ratios = [ours[number] / theirs[number] for number in ours if theirs.get(number)]
        return Spread.of(ratios) if ratios else None

    def write(self, path: Path) -> None:
        path.write_bytes(orjson.dumps(asdict(self), option=orjson.OPT_INDENT_2) + b"\n")

    @classmethod
    def read(cls, path: Path) -> "Run":
        """Raises OSError, ValueError or TypeError if there is no such run."""
        document = orjson.loads(path.read_bytes())
        return cls(document["machine"], [*_records(document["records"])])


def _records(documents: Sequence[dict[str, object]]) -> Iterator[Record]:
    for document in documents:
        yield Record(**document)  # type: ignore[arg-type]  # written by `write`
