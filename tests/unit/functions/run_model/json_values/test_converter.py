"""The walk over a result: where it stops, how deep it goes, how types are named."""

import subprocess
import sys
import types
from collections.abc import Iterator
from typing import Any

import numpy as np
import orjson
import pandas as pd
import pytest

from functions.run_model.json_values import NoJson, TooLong, json_value
from tests.unit.functions.run_model.json_values.samples import Detection, Label


def test_result_is_not_the_list_that_the_model_keeps() -> None:
    kept = [1, 2]
    json_value(kept).append(3)
    assert kept == [1, 2]


@pytest.mark.parametrize(
    ("result", "where"),
    [
        (pd.Interval(0, 1), ""),
        ([1, pd.Interval(0, 1)], "[1]"),
        (pd.DataFrame({"a": [1, 2], "due": [1, pd.Interval(0, 1)]}), "[1].due"),
        ({"a": {"b c": [[pd.Interval(0, 1)]]}}, '.a["b c"][0][0]'),
        ({"é": pd.Interval(0, 1)}, '["\\u00e9"]'),
        ({"x" * 1000: pd.Interval(0, 1)}, f".{'x' * 99}..."),
        (np.array([["a", "b"], ["c", "\ud800"]]), "[1][1]"),
    ],
)
def test_refusal_says_where(result: Any, where: str) -> None:
    with pytest.raises(NoJson) as refused:
        json_value(result)
    assert refused.value.where == where
    assert str(refused.value).isascii()
    assert refused.value.type_name in str(refused.value)


def test_lists_in_lists_end_at_32_levels() -> None:
    nested: Any = 1
    for _ in range(32):
        nested = [nested]
    assert json_value(nested) == nested
    with pytest.raises(NoJson, match="list is nested deeper than 32 levels"):
        json_value([nested])
    with pytest.raises(NoJson, match=r"numpy\.ndarray is nested deeper than 32 levels"):
        json_value({"a": np.zeros((1,) * 32)})


def cycles() -> Iterator[Any]:
    one: list[Any] = []
    one.extend([1, one, one])
    yield one
    by_key: dict[str, Any] = {}
    by_key["self"] = by_key
    yield by_key
    inside = np.empty(1, dtype=object)
    inside[0] = inside
    yield inside
    alone = np.empty((), dtype=object)
    alone[()] = alone
    yield alone
    detection = Detection(None, Label(name="a"))
    detection.box = detection
    yield detection
    label = Label(name="a")
    label.scores = label
    yield label
    series = pd.Series([None], dtype=object)
    series.iat[0] = series
    yield series


@pytest.mark.parametrize("number", range(7))
def test_what_holds_itself_is_refused(number: int) -> None:
    with pytest.raises(NoJson):
        json_value(list(cycles())[number])


def test_type_name_is_where_users_import_it_from() -> None:
    package = types.ModuleType("shapes")
    kind = type("Circle", (), {"__module__": "shapes.deep.inside"})
    package.Circle = kind  # type: ignore[attr-defined]  # made here
    sys.modules["shapes"] = package
    try:
        with pytest.raises(NoJson) as refused:
            json_value(kind())
    finally:
        del sys.modules["shapes"]
    assert refused.value.type_name == "shapes.Circle"


def test_type_name_is_ascii_and_short() -> None:
    with pytest.raises(NoJson) as refused:
        json_value(type("é" * 1000, (), {})())
    assert refused.value.type_name.isascii()
    assert len(refused.value.type_name) == 200


def test_importing_it_loads_neither_numpy_nor_pandas() -> None:
    code = "import functions.run_model.json_values, functions.run_model.row_results, sys; print('numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "False\n"


def doubled(times: int) -> Any:
    """A list that holds the one before it twice: small in memory, 2 to the power of *times* values in JSON."""
    values: Any = [1]
    for _ in range(times):
        values = [values, values]
    return values


@pytest.mark.parametrize(
    "result",
    [
        np.zeros(300),
        np.zeros((10, 30)),
        [1] * 600,
        ["x" * 2000] * 2,
        "x" * 2000,
        b"x" * 2000,
        {"x" * 2000: 1},
        {"a": ["x" * 600] * 3},
        pd.DataFrame({"a" * 100: [0] * 20}),
        pd.Series(["x" * 600] * 3),
        pd.Series([True] * 600),
        doubled(30),
    ],
    ids=lambda value: type(value).__name__,
)
def test_result_that_is_too_long_is_refused_before_it_is_written(result: Any) -> None:
    with pytest.raises(TooLong):
        json_value(result, 1000)


@pytest.mark.parametrize(
    "result",
    [
        [],
        [1, 2],
        [[1], [2, []]],
        "abc",
        ["a", "", "b"],
        {"a": 1, "b": {}, "c": "x"},
        np.zeros(7),
        np.array([1.5, np.nan]),
        np.array([[1, 2], [3, 4]]),
        np.array([True, False]),
        pd.Series([1, None], dtype="Int64"),
        pd.DataFrame({"a": [1, 2], "b": ["x", ""], "c": [0.0, np.nan]}),
        b"",
    ],
)
def test_result_that_fits_is_never_refused(result: Any) -> None:
    size = len(orjson.dumps(json_value(result)))
    assert json_value(result, size + 1) == json_value(result)  # a comma after the last value is counted
