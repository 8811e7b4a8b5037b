"""Rows for models without a signature."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from functions.run_model.rows import RowReader
from tests.unit.functions.run_model.rows.models import read, told


def test_fitted_columns_serve_without_a_signature() -> None:
    found = RowReader(None, ("a", "b", "c")).read({"c": 3, "b": 2, "a": 1, "d": "x"})
    assert found.data.to_dict("list") == {"a": [1], "b": [2], "c": [3]}
    assert found.ignored_columns == ("d",)
    assert told(None, {"a": 1, "b": 2}, fitted_columns=("a", "b", "c")) == ["the column 'c' is missing"]
    assert read(None, {"instances": [[1, 2]]}, fitted_columns=("a", "b")).to_dict("list") == {"a": [1], "b": [2]}


@pytest.mark.parametrize(
    ("values", "dtype", "expected"),
    [
        ([1, 2], "int64", [1, 2]),
        ([1, 2.5], "float64", [1.0, 2.5]),
        ([2, None], "float64", [2.0, np.nan]),
        ([True, False], "bool", [True, False]),
        (["1", "x"], "str", ["1", "x"]),
        (["x", None], "str", ["x", np.nan]),
        ([None], "object", [None]),
        ([[1], [2, 3]], "object", [[1], [2, 3]]),
        ([{"k": 1}], "object", [{"k": 1}]),
        ([2**63 - 1], "int64", [2**63 - 1]),
    ],
)
def test_columns_without_a_type(values: list[Any], dtype: str, expected: list[Any]) -> None:
    column = read(None, [{"a": value} for value in values])["a"]
    assert column.dtype == dtype
    pd.testing.assert_series_equal(column, pd.Series(expected, dtype=dtype, name="a"))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([1, "x"], "row 1, column a: the column holds numbers and text"),
        ([None, True, 1], "row 2, column a: the column holds booleans and numbers"),
        ([[1], 1], "row 1, column a: the column holds lists and numbers"),
        ([2**63], "row 0, column a: 9223372036854775808 does not fit 64 bits"),
        (
            [2**53 + 1, 0.5],
            "row 0, column a: 9007199254740993 has no exact 64-bit floating-point number, as the column's others are",
        ),
    ],
)
def test_columns_without_a_type_are_of_one_kind(values: list[Any], message: str) -> None:
    assert told(None, [{"a": value} for value in values]) == [message]


def test_arrays_without_a_signature() -> None:
    assert RowReader(None).read({"inputs": [[1, 2], [3, 4]]}).data.tolist() == [[1, 2], [3, 4]]
    assert RowReader(None).read({"instances": [{"a": [1.5]}]}).data["a"].tolist() == [[1.5]]
    assert told(None, {"inputs": {"a": [1, "x"]}}) == ["tensor a, row 1: the column holds numbers and text"]


def test_no_arrays_are_refused() -> None:
    assert told(None, {"inputs": {}}) == ["there are no columns"]


def test_arrays_that_are_ragged_are_refused_by_name() -> None:
    (message,) = told(None, {"inputs": {"x": [[1, 2], [3]]}})
    assert message.startswith("tensor x, ")
