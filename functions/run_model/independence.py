"""The proof that a model's rows are independent: the same rows alone, together and in another order. No MLflow here."""

import logging
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

from functions.run_model.row_results import same_rows

logger = logging.getLogger(__name__)

FIRST_MERGES = 3
"""Merged calls that are checked whole when a model begins to serve; their clients get what the model gives alone."""
CHECKED_EVERY = 500
"""Later one merged call of so many is checked, by `SAMPLED_PARTS` of its requests."""
SAMPLED_PARTS = 4


@dataclass(frozen=True)
class Scored:
    """The result of a model. ``rows``: its number of rows, None when its first axis is not known to be rows."""

    result: Any
    rows: int | None
    ignored_columns: tuple[str, ...] = ()


class Proof:
    """The proof that predictions of a model may be merged. ``off`` is the reason why not; once off it stays off."""

    def __init__(self, off: str | None, tell: Callable[[str], None] = lambda reason: None) -> None:
        self.off = off
        self._tell = tell
        self._merges = 0

    @property
    def is_new(self) -> bool:
        """Whether the next merged call is checked whole."""
        return self._merges < FIRST_MERGES

    def disprove(self, reason: str) -> None:
        """Turn merging off for this model."""
        if self.off is None:
            self.off = reason
            logger.error("merging is off: %s", reason)
            self._tell(reason)

    def parts_to_check(self, parts: int) -> Sequence[int]:
        """The requests of the next merged call whose answers are compared with what the model gives them alone."""
        self._merges += 1
        if self._merges <= FIRST_MERGES:
            return range(parts)
        if self._merges % CHECKED_EVERY:
            return ()
        return random.sample(range(parts), min(parts, SAMPLED_PARTS))  # a sample, no secret


def difference(merged: Scored, sizes: Sequence[int], alone: dict[int, Scored]) -> str | None:
    """Why a merged result is not what its parts give alone; None where it is.

    `merged` has ``sizes[0]`` rows of the first part, then ``sizes[1]`` of the second …; `alone` holds some parts.
    """
    if merged.rows != sum(sizes):
        return "its result has not one entry a row"
    for number, part in alone.items():
        if part.rows != sizes[number]:
            return "its result has not one entry a row"
        if not same_rows(take(merged.result, *bounds(sizes)[number]), part.result, merged.result):
            return "the same rows give other results alone than together"
    return None


def order_difference(merged: Scored, sizes: Sequence[int], backwards: Scored) -> str | None:
    """Why the result of the parts in reverse order is not the same; None where it is."""
    if backwards.rows != sum(sizes):
        return "its result has not one entry a row"
    reverse = bounds(list(reversed(sizes)))
    pairs = zip(bounds(sizes), reversed(reverse), strict=True)
    whole = merged.result
    if all(same_rows(take(whole, *one), take(backwards.result, *other), whole) for one, other in pairs):
        return None
    return "the same rows give other results in another order"


def bounds(sizes: Sequence[int]) -> list[tuple[int, int]]:
    """Where each part begins and ends."""
    return [(end - size, end) for size, end in zip(sizes, accumulate(sizes), strict=True)]


def take(result: Any, start: int, stop: int) -> Any:
    """Rows of an array, Series or DataFrame, numbered from 0 again."""
    if hasattr(result, "iloc"):
        return result.iloc[start:stop].reset_index(drop=True)
    return result[start:stop]
