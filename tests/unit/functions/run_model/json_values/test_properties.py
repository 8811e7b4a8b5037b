"""Whatever a model returns, `json_value` gives JSON with the same numbers in it, or raises NoJson."""

import datetime
import math
from typing import Any

import numpy as np
import orjson
import pandas as pd
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from functions.run_model.json_values import NoJson, json_value

PYTHON = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**65), 2**65),
    st.floats(),
    st.text(st.characters(codec=None, exclude_categories=())),
    st.binary(max_size=80),
    st.decimals(),
    st.uuids(),
    st.datetimes(timezones=st.none() | st.timezones()),
    st.dates(),
    st.times(timezones=st.none() | st.timezones()),
    st.timedeltas(),
    st.complex_numbers(),
    st.sampled_from([pd.NaT, pd.NA, pd.Interval(0, 1), pd.Period("2024"), {1}, object()]),
)
DTYPES = npst.scalar_dtypes() | npst.byte_string_dtypes() | npst.unicode_string_dtypes()
ARRAYS = npst.arrays(DTYPES, npst.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=3))
RECORDS = npst.arrays(npst.array_dtypes(DTYPES, max_size=3), st.integers(0, 2))
KEYS = st.one_of(st.text(max_size=3), st.booleans(), st.integers(0, 3), st.floats(0, 3), st.sampled_from([None, (1,)]))


def object_array(values: list[Any]) -> Any:
    array = np.empty(len(values), dtype=object)
    for position, value in enumerate(values):
        array[position] = value
    return array


def nested(inside: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    several = st.lists(inside, max_size=3)
    return st.one_of(
        several,
        several.map(tuple),
        several.map(object_array),
        several.map(lambda values: pd.Series(object_array(values), dtype=object)),
        several.map(lambda values: pd.DataFrame({"x": object_array(values), 1: range(len(values))})),
        several.map(lambda values: np.ma.array(object_array(values), mask=[n % 2 == 1 for n in range(len(values))])),
        st.dictionaries(KEYS, inside, max_size=3),
    )


RESULTS = st.recursive(PYTHON | ARRAYS | RECORDS, nested, max_leaves=8)


def same(left: Any, right: Any) -> bool:
    """Of one type, all the way down: 1 is neither 1.0 nor true."""
    if type(left) is not type(right):
        return False
    if isinstance(left, list):
        return len(left) == len(right) and all(map(same, left, right))
    if isinstance(left, dict):
        return left.keys() == right.keys() and all(same(left[key], right[key]) for key in left)
    return bool(left == right)


def refusal_or_json(result: Any) -> tuple[NoJson | None, Any]:
    try:
        return None, json_value(result)
    except NoJson as refused:
        return refused, None


@given(RESULTS)
def test_json_of_any_result_is_read_as_it_was_written(result: Any) -> None:
    refused, value = refusal_or_json(result)
    if refused:
        assert refused.type_name
        assert str(refused).isascii()
        assert "cannot be read" not in str(refused)  # all of these can
    written = orjson.dumps(value, option=orjson.OPT_PASSTHROUGH_SUBCLASS | orjson.OPT_PASSTHROUGH_DATETIME)
    assert same(orjson.loads(written), value)


@given(npst.arrays(npst.floating_dtypes(sizes=(16, 32, 64)), npst.array_shapes(max_dims=2)))
def test_numbers_of_any_array_of_floats_come_back(array: Any) -> None:
    for result in (array, list(array), object_array(list(array)), {"x": array}, pd.DataFrame(array.reshape(-1, 1))):
        numbers = flat(orjson.loads(orjson.dumps(json_value(result))))
        assert np.array_equal(np.array(list(map(as_float, numbers)), array.dtype), array.ravel(), equal_nan=True)


@given(npst.arrays(npst.integer_dtypes() | npst.unsigned_integer_dtypes() | npst.boolean_dtypes(), 3))
def test_integers_and_booleans_of_any_array_come_back(array: Any) -> None:
    for result in (array, list(array), object_array(list(array)), pd.Series(array), pd.Series(array, dtype=object)):
        assert same(orjson.loads(orjson.dumps(json_value(result))), [each.item() for each in array])


@given(st.lists(st.none() | st.integers(-(2**63), 2**63 - 1)), st.lists(st.none() | st.floats(allow_nan=False)))
def test_values_of_nullable_series_come_back(integers: list[int | None], floats: list[float | None]) -> None:
    assert same(json_value(pd.Series(integers, dtype="Int64")), integers)
    read = [None if each is None else as_float(each) for each in json_value(pd.Series(floats, dtype="Float64"))]
    assert same(read, floats)


@given(
    st.lists(st.none() | st.datetimes(datetime.datetime(1700, 1, 1), datetime.datetime(2200, 1, 1))),
    st.sampled_from(["Y", "M", "W", "D", "h", "m", "s", "ms", "us", "ns"]),
)
def test_dates_of_any_unit_come_back(dates: list[datetime.datetime | None], unit: str) -> None:
    array = np.array(dates, dtype="datetime64[us]").astype(f"datetime64[{unit}]")
    for result in (array, list(array), object_array(list(array)), pd.Series(array), pd.Series(list(array))):
        assert np.array_equal(np.array(json_value(result), dtype=array.dtype), array, equal_nan=True)


@given(st.datetimes(timezones=st.none() | st.timezones()))
def test_moment_of_any_datetime_comes_back(moment: datetime.datetime) -> None:
    text = json_value(moment)
    read = datetime.datetime.fromisoformat(text)
    assert read.replace(tzinfo=None) == moment.replace(tzinfo=None)
    assert read.utcoffset() == moment.utcoffset()


def flat(value: Any) -> list[Any]:
    if isinstance(value, dict):
        value = list(value.values())
    return [each for part in value for each in flat(part)] if isinstance(value, list) else [value]


def as_float(value: Any) -> float:
    return math.nan if value is None else float(value)
