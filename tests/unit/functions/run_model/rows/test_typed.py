"""Columns by the signature."""

from typing import Any

import pandas as pd
import pytest
from mlflow.models import ModelSignature
from mlflow.types import ColSpec, Schema
from mlflow.types.schema import Object, Property

from functions.run_model.rows import RowReader
from tests.unit.functions.run_model.rows.models import ABC, MIXED, as_the_model_reads, echo, read, signature, told


@pytest.mark.parametrize("second", [{"a": 1, "b": 2}, {"a": 1, "b": 2, "C": 3}])
def test_column_left_out_in_some_rows_is_refused(second: dict[str, Any]) -> None:
    rows = [{"a": 1, "b": 2, "c": 3}, second]
    asked: Any
    for asked in (rows, {"instances": rows}, {"dataframe_records": rows}):
        assert told(ABC, asked) == ["row 1 lacks 'c', which others have"]


def test_optional_column_left_out_in_some_rows_is_refused() -> None:
    assert told(MIXED, [{"a": 1, "c": "x"}, {"a": 2}]) == [
        "row 1 lacks 'c', which others have: send null for a missing value"
    ]


def test_optional_column_may_be_missing_in_all_rows() -> None:
    assert list(read(MIXED, [{"a": 1, "c": "x"}, {"a": 2, "c": None}]).columns) == ["a", "c"]


def test_missing_columns_are_refused_by_name() -> None:
    asked: Any
    for asked in ({"a": 1}, {"inputs": {"a": [1]}}, {"dataframe_split": {"columns": ["a"], "data": [[1]]}}):
        assert told(ABC, asked) == ["the column 'b' is missing", "the column 'c' is missing"]


def test_columns_come_in_the_order_of_the_signature() -> None:
    assert list(read(MIXED, {"c": "x", "b": 1, "a": 2}).columns) == ["a", "b", "c"]


def test_unknown_columns_are_named_or_refused() -> None:
    asked = [{"a": 1, "b": 2, "c": 3, "d": 4}, {"a": 1, "b": 2, "c": 3, "e": 4}]
    found = RowReader(ABC).read(asked)
    assert found.ignored_columns == ("d", "e")
    assert list(found.data.columns) == ["a", "b", "c"]
    assert told(ABC, asked, unknown_columns="refuse") == ["the model has no column 'd'", "the model has no column 'e'"]
    many = dict.fromkeys([*"abc", *(f"x{n}" for n in range(30))], 1)
    assert len(RowReader(ABC).read(many).ignored_columns) == 20


def test_rows_without_any_known_column_are_refused() -> None:
    of = signature(ColSpec("double", "a", required=False))
    for row in ({}, {"x": 1}):
        assert told(of, [row]) == ["none of the model's columns is there: a"]


def test_columns_called_by_numbers_match_as_text() -> None:
    of = signature(ColSpec("double", 0), ColSpec("long", 1))
    asked: Any
    for asked in ({"0": 1, "1": 2}, {"dataframe_split": {"columns": [1, 0], "data": [[2, 1]]}}):
        found = read(of, asked)
        assert list(found.columns) == [0, 1]
        pd.testing.assert_frame_equal(found, echo(of).predict(found))


def test_names_that_are_equal_as_text_match_exactly() -> None:
    of = signature(ColSpec("double", 0), ColSpec("double", "0"))
    assert told(of, {"0": 1}) == ["the column 0 is missing"]
    assert read(of, {"dataframe_split": {"columns": ["0", 0], "data": [[1, 2]]}}).to_numpy().tolist() == [[2.0, 1.0]]


@pytest.mark.parametrize("names", [["a", "a"], [0, "0"]])
def test_column_given_twice_is_refused(names: list[Any]) -> None:
    for of in (signature(ColSpec("double", "a")), None):
        (message,) = told(of, {"dataframe_split": {"columns": names, "data": [[1, 2]]}})
        assert "twice" in message


@pytest.mark.parametrize("name", [None, 1.5, True, ["a"], {}])
def test_names_of_other_kinds_are_refused(name: Any) -> None:
    for of in (ABC, None, ModelSignature(Schema([ColSpec("double")]))):
        (message,) = told(of, {"dataframe_split": {"columns": [name], "data": [[1]]}})
        assert "column names" in message


def test_columns_without_names_are_as_many_as_the_signature_has() -> None:
    of = ModelSignature(Schema([ColSpec("double"), ColSpec("string")]))
    asked: Any
    for asked in ({"inputs": [[1, "x"]]}, {"instances": [[1, "x"]]}, [{"p": 1, "q": "x"}], [{"1": "x", "0": 1}]):
        assert read(of, asked).to_numpy().tolist() == [[1.0, "x"]]
    for asked in ({"inputs": [[1, "x", 2]]}, {"instances": [[1]]}, [{"p": 1}]):
        assert "columns, and the signature 2" in told(of, asked)[0]
    assert "different orders" in told(of, [{"p": 1, "q": "x"}, {"q": "x", "p": 1}])[0]
    assert "lacks" in told(of, [{"p": 1, "q": "x"}, {"p": 1, "r": "x"}])[0]
    assert "twice" in told(of, {"dataframe_split": {"columns": ["p", "p"], "data": [[1, "x"]]}})[0]
    by_number = {"dataframe_split": {"columns": [1, 0], "data": [["x", 1]], "index": [7]}}
    assert read(of, by_number).to_dict("split") == {"columns": [0, 1], "data": [[1.0, "x"]], "index": [7]}


def test_a_model_of_objects_alone_takes_each_row_as_one() -> None:
    of = ModelSignature(Schema([ColSpec(Object([Property("a", "long"), Property("b", "string", required=False)]))]))
    rows = [{"a": 1, "b": "x"}, {"a": 2}]
    asked: Any
    for asked in (rows, {"inputs": rows}, {"instances": rows}, {"dataframe_split": {"data": [[row] for row in rows]}}):
        assert as_the_model_reads(asked, of)[0].tolist() == rows
    assert told(of, [{"a": 1}, {"b": "x"}]) == ["row 1, column 0: the property 'a' is missing"]
