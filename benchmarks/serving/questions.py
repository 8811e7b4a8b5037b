"""Requests whose right answers are known."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.harness.baseline import Baseline
from benchmarks.harness.http_client import Answer, post
from benchmarks.harness.load import Load
from benchmarks.harness.wine import Rows, draw_rows
from benchmarks.serving.contenders.contender import Contender

TOLERANCE = 1e-9
"""Absolute; the qualities predicted lie between 3 and 9."""


class WrongAnswerError(Exception):
    """A request was refused or answered wrongly: the figures would be worth nothing."""


@dataclass(frozen=True)
class Questions:
    """Requests in one contender's form, to be sent round and round, and what the baseline says of each."""

    contender: Contender
    requests: list[bytes]
    expected: list[list[float]]

    @classmethod
    def draw(cls, contender: Contender, baseline: Baseline, rows: int, count: int) -> "Questions":
        """*count* different requests of *rows* rows each; the same ones for every contender."""
        drawn = [draw_rows(rows, seed) for seed in range(count)]
        requests = [post(contender.url, contender.body(each), contender.headers) for each in drawn]
        predicted = baseline.predictions(Rows([row for each in drawn for row in each.data]))
        return cls(contender, requests, [predicted[at : at + rows] for at in range(0, rows * count, rows)])

    def check(self, load: Load) -> None:
        """Raise WrongAnswerError unless every answer is a 200 with the right predictions."""
        for request, answer in load.answers:
            self._check(answer, self.expected[request])

    def _check(self, answer: Answer, expected: Sequence[float]) -> None:
        if answer.status != 200:
            raise WrongAnswerError(f"{self.contender.name}: {answer.status} {answer.body[:500]!r}")
        given = self.contender.predictions(answer.body)
        if len(given) != len(expected) or not all(
            math.isclose(one, other, rel_tol=0, abs_tol=TOLERANCE) for one, other in zip(given, expected, strict=True)
        ):
            raise WrongAnswerError(f"{self.contender.name} says {given[:3]}, the model itself {expected[:3]}")
