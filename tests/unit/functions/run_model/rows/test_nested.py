"""Nested values."""

from mlflow.types import ColSpec
from mlflow.types.schema import Array, Map, Object, Property

from tests.unit.functions.run_model.rows.models import signature, told


def test_refusal_says_where_in_a_nested_value() -> None:
    kind = Object([Property("p", Array(Map("long")))])
    of = signature(ColSpec(kind, "o"))
    assert told(of, [{"o": {"p": [{"k": 1}, {"k": 1.5}]}}]) == ["row 0, column o: p [1] k 1.5 is not a whole number"]


def test_lists_that_mlflow_would_cut_are_refused() -> None:
    for kind, value in (("string", "a\0"), ("binary", "YQA=")):
        (message,) = told(signature(ColSpec(Array(kind), "x")), [{"x": [value]}])
        assert "zero" in message
