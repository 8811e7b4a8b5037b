"""Rows to model input: the fast ways give what MLflow's parsers give, and merging changes nobody's rows."""

import json
from collections.abc import Callable
from functools import partial
from typing import Any

import orjson
import pandas as pd
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from mlflow.exceptions import MlflowException
from mlflow.models import Model, ModelSignature
from mlflow.pyfunc import PyFuncModel
from mlflow.types import ColSpec, ParamSchema, ParamSpec, Schema
from mlflow.utils.proto_json_utils import dataframe_from_parsed_json

from functions.errors import InputRefused
from functions.run_model.scoring import (
    DoubleFrames,
    Scorer,
    _without_signature,
    concatenate,
    float_columns,
    mergeable,
    model_input,
)

DOUBLES = Schema([ColSpec("double", "a"), ColSpec("double", "b")])
MIXED = Schema([ColSpec("double", "a"), ColSpec("long", "b", required=False), ColSpec("string", "c", required=False)])

VALUES = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False),
    st.integers(-(2**64), 2**64),
    st.booleans(),
    st.none(),
    st.sampled_from(["1.5", "x", ""]),
    st.lists(st.integers(0, 3), max_size=2),
)
ROWS = st.lists(st.dictionaries(st.sampled_from("abc"), VALUES, min_size=1), min_size=1, max_size=4)


def as_mlflow_reads(rows: Any, orient: str, schema: Schema | None) -> pd.DataFrame | None:
    """None if it refuses them."""
    try:
        return dataframe_from_parsed_json(rows, orient, schema)
    except (MlflowException, ValueError, TypeError, OverflowError):
        return None


def as_we_read(rows: Any, schema: Schema | None) -> pd.DataFrame | None:
    try:
        frame = DoubleFrames(schema).frame(rows)
        if frame is None:
            frame = model_input(rows, schema)
    except InputRefused:
        return None
    assert isinstance(frame, pd.DataFrame)
    return frame


def assert_same(ours: pd.DataFrame | None, theirs: pd.DataFrame | None) -> None:
    assert (ours is None) == (theirs is None)
    if ours is not None and theirs is not None:
        assert set(ours.columns) == set(theirs.columns)  # the signature puts them in order
        pd.testing.assert_frame_equal(ours[list(theirs.columns)], theirs)


@given(rows=st.lists(st.fixed_dictionaries({"b": VALUES, "a": VALUES}), min_size=1, max_size=4) | ROWS)
@example(rows=[{"a": 1, "b": 2.5}, {"b": 1, "a": 2**63}])
@example(rows=[{"a": None, "b": True}])
@example(rows=[{"a": 1, "b": 2}, {"a": 1}])
def test_records_are_read_as_mlflow_reads_them(rows: list[dict[str, Any]]) -> None:
    sendable = orjson.loads(as_json(rows))
    for schema in (DOUBLES, MIXED):
        expected = as_mlflow_reads(sendable, "records", schema)
        assert_same(as_we_read(sendable, schema), expected)
        assert_same(as_we_read({"dataframe_records": sendable}, schema), expected)


@given(
    data=st.lists(st.lists(VALUES, min_size=2, max_size=2), min_size=1, max_size=4)
    | st.lists(st.lists(VALUES, max_size=3) | st.sampled_from(["12", ""]), min_size=1, max_size=4),
    columns=st.permutations("ab"),
)
@example(data=[[1, 2], [1, 2, 3], [4]], columns=["b", "a"])
@example(data=[[1, 2], [4]], columns=["b", "a"])
@example(data=["12", "34"], columns=["b", "a"])
def test_splits_are_read_as_mlflow_reads_them(data: list[list[Any]], columns: list[str]) -> None:
    split = {"columns": columns, "data": orjson.loads(as_json(data))}
    assert_same(as_we_read({"dataframe_split": split}, DOUBLES), as_mlflow_reads(split, "split", DOUBLES))


class Echo:
    """A model that answers with what it is given, so that what MLflow makes of rows can be seen."""

    def predict(self, data: pd.DataFrame, params: dict[str, Any] | None = None) -> Any:
        return [list(data.columns), data.to_numpy().tolist(), str(data.dtypes.tolist()), params]


def echo(schema: Schema | None, params: ParamSchema | None = None, loader: str = "echo") -> PyFuncModel:
    metadata = Model(
        signature=None if schema is None else ModelSignature(inputs=schema, params=params),
        flavors={"python_function": {"loader_module": loader, "predict_fn": "predict"}},
    )
    return PyFuncModel(metadata, Echo())


@given(rows=st.lists(st.fixed_dictionaries({"b": VALUES, "a": VALUES}), min_size=1, max_size=4) | ROWS)
@example(rows=[{"b": 1, "a": 2.5}, {"a": 3, "b": 4}])
def test_the_model_is_given_what_mlflow_would_give_it(rows: list[dict[str, Any]]) -> None:
    sendable = orjson.loads(as_json(rows))
    split = {"columns": ["b", "a"], "data": [[row.get("b"), row.get("a")] for row in sendable]}
    for schema in (DOUBLES, MIXED, None):
        model = echo(schema)
        for asked in (sendable, {"dataframe_split": split}):
            assert answer(Scorer(model).score, asked) == answer(partial(by_mlflow, model), asked)


def answer(predict: Callable[[Any], Any], rows: Any) -> Any:
    try:
        return predict(rows)
    except InputRefused:
        return InputRefused


def by_mlflow(model: PyFuncModel, rows: Any) -> Any:
    """Parsed and checked by MLflow alone."""
    try:
        return json.loads(json.dumps(model.predict(model_input(rows, model.metadata.get_input_schema()))))
    except MlflowException as error:
        raise InputRefused(str(error)) from error


@pytest.mark.parametrize("names", [(0, 1), ("a", "a")])
def test_odd_names_of_columns_are_left_to_mlflow(names: tuple[Any, Any]) -> None:
    schema = Schema([ColSpec("double", name) for name in names])
    for columns in ([0, 1], ["0", "1"], ["a", "a"], ["a", "b"]):
        asked = {"dataframe_split": {"columns": columns, "data": [[1.0, 2.0]]}}
        assert answer(Scorer(echo(schema)).score, asked) == answer(partial(by_mlflow, echo(schema)), asked)


def test_a_python_model_is_left_to_mlflow() -> None:
    for loader, checked in (("mlflow.pyfunc.model", True), ("mlflow.pyfunc.loaders.code_model", True), ("echo", False)):
        model = echo(DOUBLES, loader=loader)
        assert (_without_signature(model) is model) is checked


def test_what_a_model_does_to_its_columns_stays_in_one_prediction() -> None:
    frames = DoubleFrames(DOUBLES)
    first = frames.frame({"a": 1, "b": 2})
    assert first is not None
    first.columns.name = "features"
    second = frames.frame({"a": 1, "b": 2})
    assert second is not None
    assert second.columns.name is None


def test_defaults_of_parameters_reach_the_model() -> None:
    params = ParamSchema([ParamSpec("shift", "double", 0.5)])
    assert Scorer(echo(DOUBLES, params)).score({"a": 1, "b": 2})[-1] == {"shift": 0.5}


@given(parts=st.lists(ROWS, min_size=2, max_size=4))
@example(parts=[[{"a": 1}], [{"a": 2.5}]])
@example(parts=[[{"b": 1}], [{"b": 2.5}]])
def test_rows_that_may_be_merged_mean_the_same_alone(parts: list[list[dict[str, Any]]]) -> None:
    for schema in (DOUBLES, MIXED, None):
        floats = float_columns(schema)
        found = [mergeable(orjson.loads(as_json(part)), floats) for part in parts]
        together = [each for each in found if each and found[0] and each[1] == found[0][1]]
        alone = [as_we_read(records, schema) for records, _ in together]
        merged = as_we_read(concatenate([records for records, _ in together]), schema) if together else None
        frames = [frame for frame in alone if frame is not None]
        if frames and len(frames) == len(together):
            assert merged is not None
            pd.testing.assert_frame_equal(merged, pd.concat(frames, ignore_index=True))


@pytest.mark.parametrize(
    ("rows", "other", "together"),
    [
        ({"a": 1}, [{"a": 2.5}], True),  # a double in the signature
        ({"a": 1.5}, {"dataframe_records": [{"a": 2}, {"a": 3}]}, True),
        ({"a": 1, "b": 2}, {"dataframe_split": {"columns": ["a", "b"], "data": [[1, 2]]}}, True),
        ({"b": 1}, {"b": 2.5}, False),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}, False),
        ({"c": "x"}, {"c": "y"}, True),
        ({"b": True}, {"b": 1}, False),
    ],
)
def test_what_is_merged(rows: Any, other: Any, together: bool) -> None:
    floats = float_columns(MIXED)
    one, two = mergeable(rows, floats), mergeable(other, floats)
    assert one is not None
    assert two is not None
    assert (one[1] == two[1]) is together


@pytest.mark.parametrize(
    "rows",
    [
        {"a": None},
        {"a": [1]},
        {"b": 2**63},
        [{"a": 1}, {"b": 1}],
        [{"a": 1.0}] * 101,
        {"instances": [[1]]},
        {"inputs": {"a": [1]}},
        {"dataframe_split": {"columns": ["a"], "data": [[1]], "index": [7]}},
        {"dataframe_split": {"columns": ["a", "a"], "data": [[1, 2]]}},
        {"dataframe_split": {"columns": ["a"], "data": [[1, 2]]}},
        {"dataframe_split": {"data": [[1]]}},
        {"dataframe_records": [1]},
    ],
)
def test_what_goes_alone(rows: Any) -> None:
    assert mergeable(rows, frozenset({"a"})) is None


def as_json(rows: Any) -> bytes:
    """JSON as a client may send it; orjson itself writes no integers beyond 64 bits."""
    return json.dumps(rows).encode()
