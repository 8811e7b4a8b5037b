"""What is held against each other to see whether a model's rows are independent."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from functions.run_model.independence import (
    CHECKED_EVERY,
    FIRST_MERGES,
    SAMPLED_PARTS,
    Proof,
    Scored,
    bounds,
    difference,
    order_difference,
    take,
)
from functions.run_model.row_results import row_count


def scored(result: Any) -> Scored:
    return Scored(result, row_count(result))


def frame(*values: float) -> Any:
    return pd.DataFrame({"y": values})


@pytest.mark.parametrize("kind", [lambda *values: np.array(values), lambda *values: pd.Series(values), frame])
def test_parts_are_compared_with_what_they_give_alone(kind: Any) -> None:
    together = scored(kind(1.0, 2.0, 3.0))
    right = {0: scored(kind(1.0)), 1: scored(kind(2.0, 3.0))}
    assert difference(together, [1, 2], right) is None
    assert difference(together, [1, 2], right | {1: scored(kind(3.0, 2.0))}) is not None
    assert order_difference(together, [1, 2], scored(kind(2.0, 3.0, 1.0))) is None
    assert order_difference(together, [1, 2], scored(kind(1.0, 2.0, 3.0))) is not None


@pytest.mark.parametrize(
    ("together", "alone"),
    [
        (np.array([1.0, 2.0]), np.array([1.0])),
        ([1.0, 2.0, 3.0], np.array([1.0])),
        (np.array([1.0, 2.0, 3.0]), np.array([1.0, 2.0, 3.0])),
        (np.array([1.0, 2.0, 3.0]), [1.0]),
        (pd.Series([1.0, 2.0, 3.0], index=[0, 2, 1]), pd.Series([1.0])),
        (np.array([1.0, 2.0, 3.0]), np.array([1])),
    ],
)
def test_result_without_one_entry_a_row_is_a_difference(together: Any, alone: Any) -> None:
    assert difference(scored(together), [1, 1, 1], {0: scored(alone)}) is not None


def test_parts_lie_side_by_side() -> None:
    assert bounds([1, 2, 3]) == [(0, 1), (1, 3), (3, 6)]
    assert take(pd.Series([1, 2, 3]), 1, 3).index.tolist() == [0, 1]


def test_a_proof_is_off_for_good_and_told_once() -> None:
    told: list[str] = []
    proof = Proof(None, told.append)
    proof.disprove("first")
    proof.disprove("second")
    assert (proof.off, told) == ("first", ["first"])
    assert Proof("from the catalog").off == "from the catalog"


def test_the_first_merged_calls_are_checked_whole_and_later_a_sample_is() -> None:
    proof = Proof(None)
    checked = [len(proof.parts_to_check(10)) for _ in range(2 * CHECKED_EVERY)]
    assert checked[:FIRST_MERGES] == [10] * FIRST_MERGES
    assert set(checked[FIRST_MERGES:]) == {0, SAMPLED_PARTS}
    assert checked[FIRST_MERGES:].count(SAMPLED_PARTS) == 2
