"""`json_value`: every kind alone and nested, and what is refused."""

import datetime
import decimal
import uuid
from array import array
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa  # type: ignore[import-untyped]  # it has no types
import pytest
import scipy.sparse  # type: ignore[import-untyped]  # it has no types

from functions.run_model.json_values import NoJson, json_value
from tests.unit.functions.run_model.json_values.samples import (
    NOON,
    ROME,
    Colour,
    Detection,
    Hidden,
    Label,
    Pair,
    Quantity,
    Size,
    Unreadable,
    deprecated,
    objects,
    strict,
)

SCALARS: dict[str, tuple[Any, Any]] = {
    "none": (None, None),
    "true": (True, True),
    "integer": (2**63, 2**63),
    "smallest integer": (-(2**63), -(2**63)),
    "float": (0.1, 0.1),
    "nan": (float("nan"), None),
    "infinity": (float("inf"), "Infinity"),
    "negative infinity": (float("-inf"), "-Infinity"),
    "text": ("é", "é"),
    "enumerated integer": (Size.SMALL, 1),
    "enumerated text": (Colour.RED, "red"),
    "bytes": (b"\xff\xd8\xff", "/9j/\n"),
    "no bytes": (b"", ""),
    "many bytes": (b"a" * 60, "YWFh" * 19 + "\n" + "YWFh" + "\n"),
    "bytearray": (bytearray(b"a"), "YQ==\n"),
    "memory": (memoryview(b"abc")[::2], "YWM=\n"),
    "decimal": (decimal.Decimal("12345678901234567890.10"), "12345678901234567890.10"),
    "decimal nan": (decimal.Decimal("sNaN"), None),
    "decimal infinity": (decimal.Decimal("Infinity"), "Infinity"),
    "uuid": (uuid.UUID(int=1), "00000000-0000-0000-0000-000000000001"),
    "datetime": (NOON, "2024-07-02T12:00:00.000005"),
    "datetime with zone": (NOON.replace(tzinfo=ROME), "2024-07-02T12:00:00.000005+02:00"),
    "date": (datetime.date(1, 2, 3), "0001-02-03"),
    "time": (datetime.time(1, 2), "01:02:00"),
    "time with offset": (datetime.time(1, 2, tzinfo=datetime.UTC), "01:02:00+00:00"),
    "timedelta": (datetime.timedelta(hours=1), "P0DT1H0M0S"),
    "numpy bool": (np.bool_(False), False),
    "numpy int8": (np.int8(-1), -1),
    "numpy uint64": (np.uint64(2**64 - 1), 2**64 - 1),
    "numpy float16": (np.float16(0.1), 0.0999755859375),
    "numpy float32": (np.float32(0.1), 0.10000000149011612),
    "numpy float64": (np.float64(0.1), 0.1),
    "numpy longdouble": (np.longdouble(0.1), 0.1),
    "numpy nan": (np.float32("nan"), None),
    "numpy infinity": (np.float16("-inf"), "-Infinity"),
    "numpy longdouble nan": (np.longdouble("nan"), None),
    "numpy longdouble infinity": (np.longdouble("inf"), "Infinity"),
    "numpy text": (np.str_("é"), "é"),
    "numpy bytes": (np.bytes_(b"\xff\xd8\xff"), "/9j/\n"),
    "numpy void": (np.void(b"\xff\x00"), "/wA=\n"),
    "numpy record": (np.array([(1, 0.5)], dtype="i4,f8")[0], {"f0": 1, "f1": 0.5}),
    "datetime64[Y]": (np.datetime64("2024"), "2024-01-01T00:00:00"),
    "datetime64[M]": (np.datetime64("2024-02"), "2024-02-01T00:00:00"),
    "datetime64[D]": (np.datetime64("2024-02-03"), "2024-02-03T00:00:00"),
    "datetime64[h]": (np.datetime64("2024-02-03T04"), "2024-02-03T04:00:00"),
    "datetime64[m]": (np.datetime64("2024-02-03T04:05"), "2024-02-03T04:05:00"),
    "datetime64[s]": (np.datetime64("2024-02-03T04:05:06"), "2024-02-03T04:05:06"),
    "datetime64[ms]": (np.datetime64("2024-02-03T04:05:06.070"), "2024-02-03T04:05:06.070000"),
    "datetime64[us]": (np.datetime64("2024-02-03T04:05:06.000000"), "2024-02-03T04:05:06"),
    "datetime64[ns]": (np.datetime64("1969-12-31T23:59:59.999999999"), "1969-12-31T23:59:59.999999999"),
    "datetime64[ps] of whole nanoseconds": (np.datetime64(1000, "ps"), "1970-01-01T00:00:00.000000001"),
    "datetime64 of the year 1": (np.datetime64("0001-01-01", "D"), "0001-01-01T00:00:00"),
    "datetime64 NaT": (np.datetime64("NaT", "s"), None),
    "timedelta64[D]": (np.timedelta64(2, "D"), "P2DT0H0M0S"),
    "timedelta64[ns]": (np.timedelta64(1, "ns"), "P0DT0H0M0.000000001S"),
    "timedelta64 NaT": (np.timedelta64("NaT", "s"), None),
    "NaT without a unit": (deprecated(lambda: np.datetime64("NaT")), None),
    "pandas NaT": (pd.NaT, None),
    "pandas NA": (pd.NA, None),
    "Timestamp": (pd.Timestamp("2024-07-02T12:00:00.000000001"), "2024-07-02T12:00:00.000000001"),
    "Timestamp with zone": (pd.Timestamp("2024-07-02", tz="Europe/Rome"), "2024-07-02T00:00:00+02:00"),
    "Timedelta": (pd.Timedelta("1.5s"), "P0DT0H0M1.5S"),
    "masked": (np.ma.masked, None),
}
"""A value and its JSON."""


COLLECTIONS: dict[str, tuple[Any, Any]] = {
    "list": ([1, "a", None], [1, "a", None]),
    "empty list": ([], []),
    "tuple": ((1, 2), [1, 2]),
    "named tuple": (Pair(1, b"a"), [1, "YQ==\n"]),
    "dict": ({"a": np.int64(1)}, {"a": 1}),
    "ordered dict": (OrderedDict(a=[np.nan]), {"a": [None]}),
    "keys of numpy": ({np.int64(1): 1, np.float32(0.5): 2, np.str_("a"): 3}, {"1": 1, "0.5": 2, "a": 3}),
    "key that is a boolean": ({False: 1}, {"false": 1}),
    "pydantic": (Label(name="a", scores=np.array([0.5])), {"name": "a", "due": None, "scores": [0.5], "known": True}),
    "dataclass": (
        Detection(np.zeros(2), Label(name="", due=datetime.date(2024, 1, 2))),
        {"box": [0.0, 0.0], "label": {"name": "", "due": "2024-01-02", "scores": None, "known": False}},
    ),
    "array": (np.array([[1, 2], [3, 4]], dtype="int8"), [[1, 2], [3, 4]]),
    "empty array": (np.zeros((2, 0)), [[], []]),
    "array without dimensions": (np.array(np.nan), None),
    "big-endian array": (np.array([1.5], dtype=">f8"), [1.5]),
    "booleans": (np.array([True]), [True]),
    "not finite": (np.array([[np.nan, 1], [np.inf, -np.inf]]), [[None, 1.0], ["Infinity", "-Infinity"]]),
    "longdoubles": (np.array([[0.5, np.nan]], dtype=np.longdouble), [[0.5, None]]),
    "texts": (np.array([["a", "é"]]), [["a", "é"]]),
    "bytes": (np.array([b"\xff\xd8\xff", b""]), ["/9j/\n", ""]),
    "void bytes": (np.array([b"\xff"], dtype="V2"), ["/wA=\n"]),
    "numpy strings": (np.array(["a", None], dtype=np.dtypes.StringDType(na_object=None)), ["a", None]),
    "dates": (np.array([["2024-01-02", "NaT"]], dtype="datetime64[ns]"), [["2024-01-02T00:00:00", None]]),
    "durations": (np.array([1, "NaT"], dtype="timedelta64[h]"), ["P0DT1H0M0S", None]),
    "structured": (
        np.array([(1, [2, 3], ("a",))], dtype=[("x", "i4"), ("y", "f4", 2), ("z", [("t", "U1")])]),
        [{"x": 1, "y": [2.0, 3.0], "z": {"t": "a"}}],
    ),
    "recarray": (np.rec.array([(1, "a")], dtype="i4,U1"), [{"f0": 1, "f1": "a"}]),
    "matrix": (np.array([[1.0, np.nan]]).view(np.matrix), [[1.0, None]]),
    "chararray": (deprecated(lambda: np.char.array(["a "], itemsize=2)), ["a "]),
    "masked": (np.ma.array([1.5, np.nan, 2], mask=[True, False, False]), [None, None, 2.0]),
    "masked matrix": (np.ma.array([[1, 2], [3, 4]], mask=[[False, True], [False, False]]), [[1, None], [3, 4]]),
    "masked without dimensions": (np.ma.array(5, mask=False), 5),
    "masked dates": (np.ma.array(["2024", "2025"], dtype="M8[s]", mask=[True, False]), [None, "2025-01-01T00:00:00"]),
    "masked records": (
        np.ma.array([(1, 2)], dtype="i4,i4", mask=np.array([(False, True)], dtype="?,?")),
        [{"f0": 1, "f1": None}],
    ),
    "what is masked needs no JSON": (np.ma.array([1j, 2j], mask=True), [None, None]),
    "Series": (pd.Series([1, 2], index=["b", "a"], name="y"), [1, 2]),
    "Series of dates": (pd.Series(pd.to_datetime(["2024-01-02", None])), ["2024-01-02T00:00:00", None]),
    "Series with zone": (
        pd.Series(pd.to_datetime(["2024-01-02", None], utc=True)),
        ["2024-01-02T00:00:00+00:00", None],
    ),
    "Series of durations": (pd.Series(pd.to_timedelta(["1h", None])), ["P0DT1H0M0S", None]),
    "embeddings": (pd.Series([np.array([0.5]), np.array([1, 2])]), [[0.5], [1, 2]]),
    "Int64": (pd.Series([2**60 + 1, None], dtype="Int64"), [2**60 + 1, None]),
    "UInt8": (pd.array([255, None], dtype="UInt8"), [255, None]),
    "Float32": (pd.Series([0.5, None, np.inf], dtype="Float32"), [0.5, None, "Infinity"]),
    "boolean": (pd.Series([True, None], dtype="boolean"), [True, None]),
    "str": (pd.Series(["a", None], dtype="str"), ["a", None]),
    "string": (pd.Series(["a", None], dtype="string"), ["a", None]),
    "string of Python": (pd.Series(["a", None], dtype="string[python]"), ["a", None]),
    "Categorical": (pd.Categorical(["b", None, "b"], ["a", "b"], ordered=True), ["b", None, "b"]),
    "categories of numbers": (pd.Series([1.5, None], dtype="category"), [1.5, None]),
    "categories of dates": (pd.Series(pd.to_datetime(["2024"])).astype("category"), ["2024-01-01T00:00:00"]),
    "sparse": (pd.arrays.SparseArray([0.0, np.nan, 1.0]), [0.0, None, 1.0]),
    "arrow integers": (pd.Series([1, None], dtype="int64[pyarrow]"), [1, None]),
    "arrow floats": (pd.Series([np.inf, None], dtype="double[pyarrow]"), ["Infinity", None]),
    "arrow lists": (pd.Series([[1], None], dtype=pd.ArrowDtype(pa.list_(pa.int8()))), [[1], None]),
    "arrow structs": (pd.Series([{"a": 1.5}], dtype=pd.ArrowDtype(pa.struct([("a", pa.float32())]))), [{"a": 1.5}]),
    "arrow decimals": (
        pd.Series([decimal.Decimal("1.10")], dtype=pd.ArrowDtype(pa.decimal128(5, 2))),
        ["1.10"],
    ),
    "arrow dates": (
        pd.Series([NOON, None], dtype=pd.ArrowDtype(pa.timestamp("us", "UTC"))),
        ["2024-07-02T12:00:00.000005+00:00", None],
    ),
    "arrow bytes": (pd.Series([b"a", None], dtype=pd.ArrowDtype(pa.binary())), ["YQ==\n", None]),
    "Index": (pd.Index([3, 1]), [3, 1]),
    "RangeIndex": (pd.RangeIndex(2), [0, 1]),
    "DatetimeIndex": (pd.DatetimeIndex(["2024", None]), ["2024-01-01T00:00:00", None]),
    "MultiIndex": (pd.MultiIndex.from_tuples([("a", 1)]), [["a", 1]]),
    "DataFrame": (
        pd.DataFrame({"a": [1, 2], "b": [np.nan, 0.5]}, index=[5, 4]),
        [{"a": 1, "b": None}, {"a": 2, "b": 0.5}],
    ),
    "DataFrame without rows": (pd.DataFrame({"a": []}), []),
    "DataFrame without columns": (pd.DataFrame(index=[1]), [{}]),
    "columns of numbers": (pd.DataFrame([[1, 2]]), [{"0": 1, "1": 2}]),
    "columns of levels": (
        pd.DataFrame([[1, 2]], columns=pd.MultiIndex.from_tuples([("a", "b"), ("a", 1)])),
        [{"a|b": 1, "a|1": 2}],
    ),
    "columns of dates": (
        pd.DataFrame([[1]], columns=pd.to_datetime(["2024"])),
        [{"2024-01-01T00:00:00": 1}],
    ),
    "sparse columns": (pd.DataFrame({"a": pd.arrays.SparseArray([0, 1])}), [{"a": 0}, {"a": 1}]),
    "sparse matrix": (scipy.sparse.csr_matrix([[0, 1.5]]), [[0.0, 1.5]]),
    "sparse vector": (scipy.sparse.coo_array([0, 1]), [0, 1]),
}


REFUSED: dict[str, tuple[Callable[[], Any], str]] = {
    "integer beyond 64 bits": (lambda: 2**64, "int"),
    "negative integer beyond 64 bits": (lambda: -(2**63) - 1, "int"),
    "lone surrogate": (lambda: "a\ud800", "str"),
    "lone surrogate of numpy": (lambda: np.str_("\udfff"), "numpy.str_"),
    "complex": (lambda: 1j, "complex"),
    "complex of numpy": (lambda: np.complex64(1j), "numpy.complex64"),
    "longdouble": (lambda: np.longdouble(1) / 3, "numpy.longdouble"),
    "longdouble beyond floats": (lambda: np.longdouble("1e4000"), "numpy.longdouble"),
    "year 10000": (lambda: np.datetime64("10000"), "numpy.datetime64"),
    "year 0": (lambda: np.datetime64("0000"), "numpy.datetime64"),
    "year -1": (lambda: np.datetime64("-0001"), "numpy.datetime64"),
    "picoseconds": (lambda: np.datetime64(1, "ps"), "numpy.datetime64"),
    "Timestamp of the year 10000": (lambda: pd.Timestamp(np.datetime64("10000-01-01", "s")), "pandas.Timestamp"),
    "months": (lambda: np.timedelta64(1, "M"), "numpy.timedelta64"),
    "duration without a unit": (lambda: deprecated(lambda: np.timedelta64(1)), "numpy.timedelta64"),
    "longest timedelta": (lambda: datetime.timedelta.max, "datetime.timedelta"),
    "time in a zone": (lambda: datetime.time(1, tzinfo=ROME), "datetime.time"),
    "memory of integers": (lambda: memoryview(array("i", [1])), "memoryview"),
    "set": (lambda: {1}, "set"),
    "frozenset": (lambda: frozenset({1}), "frozenset"),
    "generator": (lambda: (each for each in [1]), "generator"),
    "dict view": (lambda: {}.keys(), "dict_keys"),
    "enumeration": (lambda: Hidden.VALUE, f"{Hidden.__module__}.Hidden"),
    "class": (lambda: Label, "pydantic._internal._model_construction.ModelMetaclass"),
    "dataclass itself": (lambda: Detection, "type"),
    "function": (lambda: json_value, "function"),
    "Interval": (lambda: pd.Interval(0, 1), "pandas.Interval"),
    "Period": (lambda: pd.Period("2024"), "pandas.Period"),
    "arrow": (lambda: pa.array([1]), "pyarrow.Int64Array"),
    "units": (lambda: np.zeros(1).view(Quantity), f"{Quantity.__module__}.Quantity"),
    "two columns of one name": (lambda: pd.DataFrame([[1, 2]], columns=["a", "a"]), "pandas.DataFrame"),
    "two columns of one text": (lambda: pd.DataFrame([[1, 2]], columns=[1, "1"]), "pandas.DataFrame"),
    "column without a name": (lambda: pd.DataFrame([[1]], columns=[None]), "NoneType"),
    "two keys of one text": (lambda: {1: 1, "1": 2}, "dict"),
    "key None": (lambda: {None: 1}, "NoneType"),
    "key NaN": (lambda: {np.float32("nan"): 1}, "numpy.float32"),
    "key tuple": (lambda: {(1, 2): 1}, "tuple"),
    "key of a lone surrogate": (lambda: {"\ud800": 1}, "str"),
    "dense beyond memory": (lambda: scipy.sparse.csr_array((10**5, 10**5)), "scipy.sparse.csr_array"),
    "sparse frame beyond memory": (
        lambda: pd.DataFrame.sparse.from_spmatrix(scipy.sparse.csr_array((10**6, 11))),
        "pandas.DataFrame",
    ),
    "sparse Series beyond memory": (
        lambda: pd.Series(pd.arrays.SparseArray.from_spmatrix(scipy.sparse.csc_array((10**8, 1)))),
        "pandas.arrays.SparseArray",
    ),
    "what cannot be read": (lambda: Unreadable(a=1), f"{__name__}.Unreadable"),
}
"""A value, and the name of the type that a refusal tells."""


PLACES: dict[str, tuple[Callable[[Any], Any], Callable[[Any], Any]]] = {
    "alone": (lambda value: value, lambda found: found),
    "in a list": (lambda value: ["a", value], lambda found: found[1]),
    "in a list of its kind": (lambda value: [value, value], lambda found: found[1]),
    "in a tuple": (lambda value: (value, 1), lambda found: found[0]),
    "in an object array": (lambda value: objects("a", value), lambda found: found[1]),
    "in a matrix of objects": (lambda value: objects("a", value).reshape(1, 2), lambda found: found[0][1]),
    "in a masked array": (lambda value: np.ma.MaskedArray(objects("a", value)), lambda found: found[1]),
    "in a Series": (lambda value: pd.Series(objects("a", value), dtype=object), lambda found: found[1]),
    "in a DataFrame column": (
        lambda value: pd.DataFrame({"x": objects("a", value)}, dtype=object),
        lambda found: found[1]["x"],
    ),
    "in a dict": (lambda value: {"x": value}, lambda found: found["x"]),
    "in a dict of lists": (lambda value: {"x": [[value]]}, lambda found: found["x"][0][0]),
    "in a dataclass": (lambda value: Detection(value, Label(name="a")), lambda found: found["box"]),
}
"""How a value is put somewhere, and how its JSON is found there."""


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("name", SCALARS)
def test_scalar_is_the_same_json_everywhere(name: str, place: str) -> None:
    value, expected = SCALARS[name]
    put, found = PLACES[place]
    assert strict(found(json_value(put(value)))) == strict(expected)


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("name", COLLECTIONS)
def test_collection_is_the_same_json_everywhere(name: str, place: str) -> None:
    value, expected = COLLECTIONS[name]
    put, found = PLACES[place]
    assert strict(found(json_value(put(value)))) == strict(expected)


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("name", REFUSED)
def test_what_has_no_json_is_refused_everywhere_by_its_type(name: str, place: str) -> None:
    make, type_name = REFUSED[name]
    put, _ = PLACES[place]
    with pytest.raises(NoJson) as refused:
        json_value(put(make()))
    if name != "what cannot be read":  # then the whole result is named: how far reading came is not known
        assert refused.value.type_name == type_name
    assert "secret" not in str(refused.value)
