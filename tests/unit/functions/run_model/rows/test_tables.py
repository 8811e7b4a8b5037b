"""The forms of rows."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from mlflow.models import ModelSignature
from mlflow.types import ColSpec, Schema, TensorSpec
from mlflow.types.schema import Array

from tests.unit.functions.run_model.rows.models import ABC, MIXED, as_the_model_reads, echo, read, signature, told


@pytest.mark.parametrize(
    "asked",
    [
        [],
        {"dataframe_records": []},
        {"dataframe_split": {"columns": ["a", "b", "c"], "data": []}},
        {"instances": []},
        {"inputs": []},
        {"inputs": {"a": [], "b": [], "c": []}},
    ],
)
def test_no_rows_are_refused(asked: Any) -> None:
    for of in (ABC, None, ModelSignature(Schema([TensorSpec(np.dtype("f8"), (-1, 3))]))):
        if isinstance(asked, dict) and isinstance(asked.get("inputs"), dict) and of is not ABC:
            continue
        assert told(of, asked) == ["there are no rows"]


def test_index_is_kept_and_as_long_as_the_data() -> None:
    split = {"columns": ["a", "b", "c"], "data": [[1, 2, 3]]}
    assert told(ABC, {"dataframe_split": {**split, "index": [7, 8]}}) == ["index has 2 entries, data 1 row"]
    assert told(ABC, {"dataframe_split": {**split, "index": []}}) == ["index has 0 entries, data 1 row"]
    for index in ([7], ["x"], [0.5]):
        found = read(ABC, {"dataframe_split": {**split, "index": index}})
        assert list(echo(ABC).predict(found).index) == index
    for odd in ([None], [True], [[1]], [2**64]):
        assert "index holds" in told(ABC, {"dataframe_split": {**split, "index": odd}})[0]


def test_ragged_rows_are_refused() -> None:
    split = {"columns": ["a", "b", "c"], "data": [[1, 2, 3], [1], "123"]}
    expected = ["row 1 has 1 values for 3 columns", 'row 2 is not a list of 3 values: "123"']
    assert told(ABC, {"dataframe_split": split}) == expected


@pytest.mark.parametrize("asked", ["x", 1, None, [1], [[1, 2, 3]], [{"a": 1, "b": 2, "c": 3}, None]])
def test_what_is_no_row_is_refused(asked: Any) -> None:
    assert told(ABC, asked)


@pytest.mark.parametrize("asked", [{"inputs": "hi", "k": 1}, [{"inputs": "hi", "k": 1}]])
def test_a_column_may_be_called_as_a_form_is(asked: Any) -> None:
    of = signature(ColSpec("string", "inputs"), ColSpec("long", "k"))
    assert read(of, asked).to_numpy().tolist() == [["hi", 1]]


def test_a_scoring_body_has_one_form() -> None:
    for asked in ({"inputs": {"a": [1]}, "instances": []}, {"dataframe_records": [{"a": 1}], "x": 1}, {"inputs": "x"}):
        assert "exactly one of" in told(ABC, asked)[0]


def test_columns_of_different_length_are_refused() -> None:
    assert "differ in length" in told(ABC, {"inputs": {"a": [1, 2], "b": [1], "c": [1]}})[0]
    assert "differ in length" in told(ABC, {"inputs": {"a": [1, 2], "b": 1, "c": 1}})[0]


def test_inputs_of_scalars_are_one_row() -> None:
    assert read(ABC, {"inputs": {"a": 1, "b": 2, "c": 3}}).to_numpy().tolist() == [[1.0, 2.0, 3.0]]


def test_inputs_are_one_row_where_the_signature_has_a_list() -> None:
    of = signature(ColSpec(Array("double"), "v"), ColSpec("long", "n"))
    asked = {"inputs": {"v": [1, 2], "n": 3}}
    assert as_the_model_reads(asked, of).to_numpy().tolist() == [[[1.0, 2.0], 3]]


def test_a_list_of_values_is_the_only_column() -> None:
    of = signature(ColSpec("long", "n"))
    for form in ("inputs", "instances"):
        assert read(of, {form: [1, 2]})["n"].tolist() == [1, 2]
        assert "have names" in told(ABC, {form: [1, 2]})[0]
        assert "have names" in told(ABC, {form: [[1, 2, 3]]})[0]


def test_a_list_of_one_row_is_that_row() -> None:
    row = {"a": 1, "b": 2, "c": "x"}
    pd.testing.assert_frame_equal(read(MIXED, row), read(MIXED, [row]))
