"""Refusals name rows and columns, a bounded number of them."""

from typing import Any

import pytest
from mlflow.types import ColSpec

from functions.errors import InputRefused
from functions.run_model.rows import RowReader
from tests.unit.functions.run_model.rows.models import ABC, MIXED, signature, told


def test_refusal_names_row_and_column() -> None:
    of = signature(ColSpec("long", "age"))
    rows: list[Any] = [{"age": 1}] * 41235
    rows[41234] = {"age": None}
    assert told(of, rows) == ["row 41234, column age: null is not a whole number, and the signature requires a value"]


def test_refusal_names_twenty_places_and_counts_all() -> None:
    with pytest.raises(InputRefused, match="in 55 places; see errors, the first 20 of them") as caught:
        RowReader(ABC).read([{"a": None, "b": "x", "c": 1}] * 27 + [{"a": True, "b": 1, "c": 2}])
    assert len(caught.value.errors) == 20


def test_message_repeats_little_of_a_long_value() -> None:
    (message,) = told(ABC, [{"a": "x" * 10_000, "b": 1, "c": 1}])
    assert len(message) < 150


def test_null_for_an_optional_whole_number_advises_double() -> None:
    (message,) = told(MIXED, [{"a": 1, "b": None}])
    assert message.endswith("log the column as double")
