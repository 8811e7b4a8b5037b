"""Which requests may share a call."""

from typing import Any

import pytest

from functions.run_model.records import concatenate, mergeable

FLOATS = frozenset({"a"})


@pytest.mark.parametrize(
    ("rows", "other", "may_share"),
    [
        ([{"a": 1}], [{"a": 2.5}], True),  # a double in the signature
        ([{"a": 1.5}], {"dataframe_records": [{"a": 2}, {"a": 3}]}, True),
        ([{"a": 1, "b": 2}], {"dataframe_split": {"columns": ["a", "b"], "data": [[1, 2]]}}, True),
        ([{"b": 1}], [{"b": 2.5}], False),
        ([{"a": 1, "b": 2}], [{"b": 2, "a": 1}], False),
        ([{"c": "x"}], [{"c": "y"}], True),
        ([{"b": True}], [{"b": 1}], False),
        ([{"a": 1}], [{"a": 1, "unknown": 1}], False),
    ],
)
def test_requests_of_the_same_columns_and_kinds_may_share_a_call(rows: Any, other: Any, may_share: bool) -> None:
    one, two = mergeable(rows, FLOATS), mergeable(other, FLOATS)
    assert one is not None
    assert two is not None
    assert (one[1] == two[1]) is may_share
    assert concatenate([one[0], two[0]]) == [*one[0], *two[0]]


@pytest.mark.parametrize(
    "rows",
    [
        [],
        3,
        None,
        {"a": 1},
        [{"a": None}],
        [{"a": [1]}],
        [{"b": 2**63}],
        [{"a": 1}, {"b": 1}],
        [{"a": 1.0}] * 101,
        {"instances": [[1]]},
        {"inputs": {"a": [1]}},
        {"dataframe_split": {"columns": ["a"], "data": [[1]], "index": [7]}},
        {"dataframe_split": {"columns": ["a", "a"], "data": [[1, 2]]}},
        {"dataframe_split": {"columns": ["a"], "data": [[1, 2]]}},
        {"dataframe_split": {"columns": [["a"], "b"], "data": [[1, 2]]}},
        {"dataframe_split": {"columns": [1], "data": [[1]]}},
        {"dataframe_split": {"data": [[1]]}},
        {"dataframe_split": 1},
        {"dataframe_records": [1]},
        {"dataframe_records": [{"a": 1}], "params": {"top_k": 1}},
        {"dataframe_split": {"columns": ["a"], "data": [[1]]}, "params": {"top_k": 1}},
    ],
)
def test_other_requests_have_a_call_of_their_own(rows: Any) -> None:
    assert mergeable(rows, FLOATS) is None


@pytest.mark.parametrize("value", [1, 1.5, 0, 2**70])
def test_numbers_of_float_columns_have_the_key_of_floats(value: float) -> None:
    """The short way for records of floats alone gives the key that each value has beside a text."""
    numbers = {"a": value, "b": 2.5}
    beside_text = {**numbers, "c": "x"}
    assert mergeable([numbers], {"a", "b"}) == ([numbers], ("a", "b", float, float))
    assert mergeable([beside_text], {"a", "b"}) == ([beside_text], ("a", "b", "c", float, float, str))
