"""Results by row: how many rows they have, and when two of them are the same."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from functions.run_model.row_results import row_count, same_rows

FLOATS = [1.5, -2.0, 1e6, 0.0]


@pytest.mark.parametrize(
    ("result", "rows"),
    [
        (np.zeros(3), 3),
        (np.zeros((3, 2)), 3),
        (np.zeros((0, 2)), 0),
        (np.array(["a", "b"], dtype=object), 2),
        (np.zeros(2, dtype="i4,f8"), 2),
        (pd.Series([1, 2]), 2),
        (pd.DataFrame({"a": [1, 2]}), 2),
        (pd.DataFrame(index=range(2)), 2),
        (pd.Series([], dtype=float), 0),
    ],
)
def test_arrays_and_frames_have_an_entry_a_row(result: Any, rows: int) -> None:
    assert row_count(result) == rows


@pytest.mark.parametrize(
    "result",
    [
        [1, 2],
        [np.zeros(2), np.zeros(2)],  # predict_proba of two outputs
        (1, 2),
        {"a": np.zeros(2)},
        1.5,
        "ab",
        None,
        np.array(1.5),
        np.float64(1),
        pd.Index([1, 2]),
        pd.Categorical(["a"]),
    ],
)
def test_rows_of_other_results_are_not_known(result: Any) -> None:
    assert row_count(result) is None


@pytest.mark.parametrize(
    "moved",
    [
        pd.DataFrame({"a": [3, 1, 2]}).sort_values("a"),
        pd.DataFrame({"a": [1, 2, 3]})[1:],
        pd.DataFrame({"a": [1, 2, 3]})[::-1],
        pd.DataFrame({"a": [1, 2, 3, 4]})[::2],
        pd.DataFrame({"a": [1.0, np.nan, 3]}).dropna(),
        pd.DataFrame({"a": [1, 2]}, index=["x", "y"]),
        pd.DataFrame({"a": [1, 2]}, index=pd.MultiIndex.from_tuples([(0, 0), (0, 1)])),
        pd.DataFrame({"a": [1, 2]}, index=pd.to_datetime(["2024", "2025"])),
    ],
)
def test_rows_that_were_moved_or_left_out_are_not_known(moved: Any) -> None:
    assert row_count(moved) is None
    assert row_count(moved["a"]) is None


SAME: dict[str, Any] = {
    "float64": np.array([*FLOATS, np.nan, np.inf]),
    "float32": np.array([*FLOATS, np.nan], dtype="f4"),
    "float16": np.array([1.5, -2], dtype="f2"),
    "longdouble": np.array(FLOATS, dtype=np.longdouble),
    "integers": np.array([1, 2]),
    "booleans": np.array([True, False]),
    "texts": np.array(["a", "b"]),
    "objects": np.array(["a", None, 1, [1.5]], dtype=object),
    "dates": np.array(["2024", "NaT"], dtype="M8[s]"),
    "records": np.zeros(2, dtype="i4,f8"),
    "masked": np.ma.array([1.5, 2], mask=[True, False]),
    "nothing": np.zeros((0, 3)),
    "frame": pd.DataFrame({"a": FLOATS, "b": list("abcd")}),
    "frame without columns": pd.DataFrame(index=range(2)),
    "Series": pd.Series(FLOATS, name="y"),
    "Float32": pd.Series([1.5, None], dtype="Float32"),
    "Float64": pd.Series([1.5, None], dtype="Float64"),
    "Int64": pd.Series([1, None], dtype="Int64"),
    "arrow": pd.Series([1.5, None], dtype="double[pyarrow]"),
    "str": pd.Series(["a", None], dtype="str"),
    "categories": pd.Series(["a", "b"], dtype="category"),
    "zone": pd.Series(pd.to_datetime(["2024", None], utc=True)),
}


@pytest.mark.parametrize("name", SAME)
def test_copy_is_the_same_and_a_moved_row_is_not(name: str) -> None:
    result = SAME[name]
    assert same_rows(result, result.copy())
    moved = result[::-1]
    if name not in ("records", "nothing", "frame without columns"):  # these have rows that are all the same
        assert not same_rows(result, moved)
    assert same_rows(moved, result.copy()[::-1])


@pytest.mark.parametrize(("dtype", "last_places"), [("f8", 1e-10), ("f4", 1e-6), ("f2", 5e-3)])
def test_last_places_may_differ_and_more_may_not(dtype: str, last_places: float) -> None:
    values = np.array([1.0, 2.0, 100.0], dtype=dtype)
    near, far = (values * (1 + last_places * factor) for factor in (1, 100))
    for kind in (np.asarray, pd.Series, lambda each: pd.DataFrame({"a": each})):
        assert same_rows(kind(values), kind(near.astype(dtype)))
        assert not same_rows(kind(values), kind(far.astype(dtype)))


def test_what_is_left_of_a_difference_is_measured_by_the_column() -> None:
    assert same_rows(np.array([1e6, 1e-12]), np.array([1e6, -1e-12]))
    assert not same_rows(np.array([[1e9, 0.5]]), np.array([[1e9, 0.6]]))
    assert not same_rows(pd.DataFrame({"a": [1e9], "b": [0.5]}), pd.DataFrame({"a": [1e9], "b": [0.6]}))


@pytest.mark.parametrize("dtype", ["f8", "Float64", "double[pyarrow]"])
def test_last_places_of_every_float_type_may_differ(dtype: str) -> None:
    assert same_rows(pd.Series([0.1 + 0.2, None], dtype=dtype), pd.Series([0.3, None], dtype=dtype))
    assert not same_rows(pd.Series([0.1, None], dtype=dtype), pd.Series([0.1, 0.0], dtype=dtype))


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (np.array([1, 2]), np.array([1.0, 2.0])),
        (np.array([1, 2]), np.array([1, 2], dtype="i4")),
        (np.array([1, 0]), np.array([True, False])),
        (np.array([1, 0], dtype=object), np.array([True, False], dtype=object)),
        (np.array([1, 2]), np.array([1, 2, 3])),
        (np.array([1, 2]), np.array([[1], [2]])),
        (np.array([1.0]), np.array([np.nan])),
        (np.array([np.inf, 1]), np.array([-np.inf, 1])),
        (np.array([np.inf, 1]), np.array([np.nan, 1])),
        (np.array([1e308]), np.array([-1e308])),
        (np.array([2**53]), np.array([2**53 + 1])),
        (np.array(["a"]), np.array(["b"])),
        (np.array(["a"]), np.array(["a"], dtype=object)),
        (np.array(["a"]), np.array([b"a"])),
        (np.array([1.0]), pd.Series([1.0])),
        (np.array([1.0]), np.ma.array([1.0])),
        (np.ma.array([1.0], mask=[True]), np.ma.array([1.0], mask=[False])),
        (pd.Series([1]), pd.DataFrame({"a": [1]})),
        (pd.DataFrame({"a": [1]}), pd.DataFrame({"b": [1]})),
        (pd.DataFrame({"a": [1], "b": [2]}), pd.DataFrame({"b": [2], "a": [1]})),
        (pd.DataFrame({"a": [1]}), pd.DataFrame({"a": [1], "b": [2]})),
        (np.array([1j]), np.array([1j])),
        ([1.0], [1.0]),
        (1.0, 1.0),
        (None, None),
    ],
)
def test_other_values_types_or_shapes_are_not_the_same(left: Any, right: Any) -> None:
    assert not same_rows(left, right)
    assert not same_rows(right, left)


def test_width_of_texts_and_index_are_not_compared() -> None:
    assert same_rows(np.array(["a"]), np.array(["a", "bcd"])[:1])
    assert same_rows(np.array([b"a"]), np.array([b"a", b"bcd"])[:1])
    assert same_rows(pd.Series([2.5]), pd.Series([1.5, 2.5])[1:])
    frame = pd.DataFrame({"a": [1, 2], "b": ["x", "y"]})
    assert same_rows(frame.iloc[1:], frame.iloc[1:].reset_index(drop=True))


@pytest.mark.parametrize("kind", [np.array, pd.Series, lambda values: pd.DataFrame({"y": values})])
def test_a_last_place_is_one_of_the_whole_result(kind: Callable[[list[float]], Any]) -> None:
    whole = kind([1e3, 1e-14])
    assert same_rows(kind([1e-14]), kind([-1e-14]), whole)
    assert not same_rows(kind([1e-14]), kind([-1e-14]))
    assert not same_rows(kind([1e-2]), kind([2e-2]), whole)
