"""What a model is given is what MLflow gives it for the frame that the rows mean, whichever way they are read."""

import base64
import json
from collections.abc import Callable
from typing import Any

import numpy as np
import orjson
import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from mlflow.models import ModelSignature
from mlflow.types import ColSpec, DataType, ParamSchema, ParamSpec, Schema, TensorSpec
from mlflow.types.schema import AnyType, Array, Map, Object, Property

from functions.errors import InputRefused
from functions.run_model.rows import RowReader
from functions.run_model.rows.tables import body
from tests.unit.functions.run_model.rows.models import as_the_model_reads, echo, signature

unhurried = settings(deadline=None)
SAFE = 2**53 - 1
INSTANTS = st.integers(-(2**62), 2**62)


def iso(instant: int) -> str:
    """One of the spellings of an instant."""
    whole = str(np.datetime64(instant, "ns"))
    return whole + ("Z" if instant % 2 else "")


def numbers(least: int, most: int) -> st.SearchStrategy[tuple[Any, Any]]:
    """What is sent and what it means."""
    whole = st.integers(least, most)
    floats = st.integers(max(least, -SAFE), min(most, SAFE)).map(lambda each: (float(each), each))
    return whole.map(lambda each: (each, each)) | whole.map(lambda each: (str(each), each)) | floats


def reals(width: Any, exact: int) -> st.SearchStrategy[tuple[Any, Any]]:
    floats = st.floats(allow_nan=False, allow_infinity=False, width=width)
    small = st.integers(-exact, exact)
    return (
        floats.map(lambda each: (each, each))
        | floats.map(lambda each: (json.dumps(each), each))
        | small.map(lambda each: (each, float(each)))
    )


TEXT = st.text(max_size=5)
SENT_AND_MEANT: dict[str, st.SearchStrategy[tuple[Any, Any]]] = {
    "boolean": st.sampled_from([(True, True), (False, False), ("true", True), ("FALSE", False)]),
    "integer": numbers(-(2**31), 2**31 - 1),
    "long": numbers(-(2**63), 2**63 - 1),
    "float": reals(32, 2**24),
    "double": reals(64, 2**53),
    "string": TEXT.map(lambda each: (each, each)),
    "binary": st.binary(max_size=80).map(lambda each: (base64.encodebytes(each).decode(), each)),
    "datetime": INSTANTS.map(lambda each: (iso(each), np.datetime64(each, "ns"))),
}
MISSING = {"double": np.nan, "float": np.nan, "string": None, "binary": None, "datetime": np.datetime64("NaT", "ns")}
DTYPES = {
    "boolean": "bool",
    "integer": "int32",
    "long": "int64",
    "float": "float32",
    "double": "float64",
    "string": "str",
    "binary": "object",
    "datetime": "datetime64[ns]",
}
Column = tuple[str, bool, list[tuple[Any, Any]]]
"""Type, whether it is required, and what is sent and meant."""


@st.composite
def columns(draw: st.DrawFn, kinds: tuple[str, ...] = tuple(DTYPES)) -> list[Column]:
    height = draw(st.integers(1, 5))
    made: list[Column] = []
    for kind in draw(st.lists(st.sampled_from(kinds), min_size=1, max_size=5)):
        required = kind not in MISSING or draw(st.booleans())
        values = SENT_AND_MEANT[kind] if required else SENT_AND_MEANT[kind] | st.just((None, MISSING[kind]))
        made.append((kind, required, draw(st.lists(values, min_size=height, max_size=height))))
    return made


def signature_of(made: list[Column]) -> ModelSignature:
    return signature(*(ColSpec(kind, f"c{n}", required) for n, (kind, required, _) in enumerate(made)))


def meant(made: list[Column]) -> pd.DataFrame:
    return pd.DataFrame(
        {f"c{n}": pd.Series([m for _, m in values], dtype=DTYPES[kind]) for n, (kind, _, values) in enumerate(made)}
    )


def forms(made: list[Column]) -> list[Any]:
    """The same rows in every form, as they come from the wire."""
    names = [f"c{n}" for n in range(len(made))]
    sent = {name: [s for s, _ in values] for name, (_, _, values) in zip(names, made, strict=True)}
    rows = [dict(zip(names, row, strict=True)) for row in zip(*sent.values(), strict=True)]
    split = {"columns": names[::-1], "data": [[row[name] for name in names[::-1]] for row in rows]}
    asked = [rows, {"dataframe_records": rows}, {"instances": rows}, {"inputs": sent}, {"dataframe_split": split}]
    if len(rows) == 1:
        asked.append(rows[0])
    return [orjson.loads(orjson.dumps(each)) for each in asked]


@given(made=columns())
@example(made=[("double", True, [(2**53, 2.0**53)]), ("float", False, [(None, np.nan)])])
@unhurried
def test_frames_reach_the_model_as_mlflow_gives_them(made: list[Column]) -> None:
    of = signature_of(made)
    expected = echo(of).predict(meant(made))
    for asked in forms(made):
        found = RowReader(of).read(asked)
        assert found.exact
        pd.testing.assert_frame_equal(found.data, expected, check_column_type=True)
        pd.testing.assert_frame_equal(echo(of).predict(found.data), expected)


@given(made=columns())
@unhurried
def test_columns_without_names_go_by_position(made: list[Column]) -> None:
    of = ModelSignature(Schema([ColSpec(kind) for kind, _, _ in made]))
    asked = {"dataframe_split": {"data": [[s for s, _ in row] for row in zip(*(v for _, _, v in made), strict=True)]}}
    if any(value is None for row in asked["dataframe_split"]["data"] for value in row):
        return
    expected = echo(of).predict(meant(made).set_axis(range(len(made)), axis=1))
    found = RowReader(of).read(orjson.loads(orjson.dumps(asked)))
    pd.testing.assert_frame_equal(found.data, expected)
    pd.testing.assert_frame_equal(echo(of).predict(found.data), expected)


@given(made=columns(kinds=("double",)), data=st.data())
@unhurried
def test_the_short_way_is_the_long_one(made: list[Column], data: st.DataObject) -> None:
    required: list[Column] = [(kind, True, values) for kind, _, values in made]
    reader = RowReader(signature_of(required))
    odd: Any = data.draw(st.sampled_from([None, True, "1.5", 2**53 + 1, 2**70, 2**1100, [1], {}]) | st.just(0.5))
    for asked in forms([*required[:-1], ("double", True, [*required[-1][2][:-1], (1, 1.0)])]):
        assert_same_ways(reader, asked)
    rows = [{f"c{n}": values[row][0] for n, (_, _, values) in enumerate(required)} for row in range(len(made[0][2]))]
    rows[-1]["c0"] = odd
    assert_same_ways(reader, rows)


def assert_same_ways(reader: RowReader, asked: Any) -> None:
    if reader._doubles.array(asked) is None:
        return
    long, ignored = reader._reader.read(body(asked, reader._reader.known))
    assert not ignored
    pd.testing.assert_frame_equal(reader.read(asked).data, long)
    array = reader.read(asked, as_array=True).data
    assert array.tobytes("A") == long.to_numpy().tobytes("A")


@pytest.mark.parametrize("count", [1, 200])
@pytest.mark.parametrize("odd", [None, True, False, "1.5", 2**53 + 1, 2**70, [1], {}])
def test_odd_values_go_the_long_way(odd: Any, count: int) -> None:
    of = signature(ColSpec("double", "a"), ColSpec("double", "b"))
    for plain in (0.5, 0, 1):
        rows = [{"a": plain, "b": plain} for _ in range(count)]
        rows[-1]["a"] = odd
        split = {"dataframe_split": {"columns": ["a", "b"], "data": [list(row.values()) for row in rows]}}
        for asked in (rows, {"dataframe_records": rows}, split):
            assert RowReader(of)._doubles.array(asked) is None


@given(made=columns(), cut=st.integers(0, 5))
@unhurried
def test_rows_read_together_are_rows_read_alone(made: list[Column], cut: int) -> None:
    reader = RowReader(signature_of(made))
    rows = forms(made)[0]
    parts = [part for part in (rows[:cut], rows[cut:]) if part]
    alone = pd.concat([reader.read(part).data for part in parts], ignore_index=True)
    pd.testing.assert_frame_equal(reader.read(rows).data, alone)


def nested(kind: str) -> st.SearchStrategy[tuple[Any, Any]]:
    """Lists of a type as MLflow's own enforcement takes and gives them."""
    ends = (lambda pair: not pair[1].endswith("\0")) if kind == "string" else (lambda pair: True)
    return st.lists(SENT_AND_MEANT[kind].filter(ends), max_size=3).map(
        lambda pairs: ([sent for sent, _ in pairs], [each for _, each in pairs])
    )


@pytest.mark.parametrize("kind", ["boolean", "integer", "long", "float", "double", "string", "datetime"])
@given(data=st.data())
@unhurried
def test_lists_maps_and_objects(kind: str, data: st.DataObject) -> None:
    sent, expected = data.draw(nested(kind))
    of = signature(
        ColSpec(Array(kind), "list"),
        ColSpec(Array(Array(kind)), "lists"),
        ColSpec(Map(kind), "map"),
        ColSpec(Object([Property("p", kind), Property("q", kind, required=False)]), "object"),
    )
    one, of_one = data.draw(SENT_AND_MEANT[kind])
    row = {"list": sent, "lists": [sent, sent], "map": {"k": one}, "object": {"p": one, "q": None}}
    found = as_the_model_reads(orjson.loads(orjson.dumps([row])), of).iloc[0]
    in_lists = [each.item() if isinstance(each, np.datetime64) else each for each in expected]
    assert found["list"] == in_lists
    assert found["lists"] == [in_lists, in_lists]
    assert found["map"] == {"k": of_one}
    assert found["object"] == {"p": of_one, "q": None}


@pytest.mark.parametrize(
    "dtype", ["bool", "int8", "uint8", "int32", "int64", "uint64", "float16", "float32", "float64"]
)
@given(data=st.data())
@unhurried
def test_tensors(dtype: str, data: st.DataObject) -> None:
    height, width = data.draw(st.integers(1, 3)), data.draw(st.integers(1, 3))
    values = data.draw(
        st.lists(st.lists(elements(dtype), min_size=width, max_size=width), min_size=height, max_size=height)
    )
    expected = np.array(values, dtype=dtype)
    of = ModelSignature(Schema([TensorSpec(np.dtype(dtype), (-1, width))]))
    split = {"columns": [f"c{n}" for n in range(width)], "data": values}
    unnamed: list[Any] = [{"inputs": values}, {"instances": values}, {"dataframe_split": split}]
    for asked in unnamed:
        same(as_the_model_reads(orjson.loads(orjson.dumps(asked)), of), expected)
    named = ModelSignature(Schema([TensorSpec(np.dtype(dtype), (-1, width), "t")]))
    rows = [{"t": row} for row in values]
    by_name: list[Any] = [{"inputs": {"t": values}}, {"instances": rows}, {"dataframe_records": rows}, rows]
    for asked in by_name:
        same(as_the_model_reads(orjson.loads(orjson.dumps(asked)), named)["t"], expected)


def elements(dtype: str) -> st.SearchStrategy[Any]:
    if dtype == "bool":
        return st.booleans()
    if dtype.startswith("float"):
        width: Any = int(dtype[5:])
        return st.floats(allow_nan=False, allow_infinity=False, width=width)
    return st.integers(np.iinfo(dtype).min, np.iinfo(dtype).max)


def same(found: Any, expected: Any) -> None:
    assert found.dtype == expected.dtype
    np.testing.assert_array_equal(found, expected)


JSON_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats()
    | st.text(max_size=5)
    | st.sampled_from(
        ["1", "true", "2024-01-02", "aGk=", "1e999", "-0", "\ud800", "9" * 5000, "2024-01-02T00:00+99:99"]
    ),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "b", "k"]), inner, max_size=3),
    max_leaves=8,
)
TYPES: list[Any] = [
    *DataType,
    Array(DataType.double),
    Array(DataType.string),
    Array(DataType.datetime),
    Array(Array(DataType.integer)),
    Map(DataType.long),
    Object([Property("a", DataType.float), Property("b", Array(DataType.boolean), required=False)]),
    AnyType(),
    Array(AnyType()),
]
SIGNATURES: list[ModelSignature | None] = [
    None,
    *(signature(ColSpec(kind, "a", required=required)) for kind in TYPES for required in (True, False)),
    *(ModelSignature(Schema([ColSpec(kind), ColSpec("double")])) for kind in TYPES),
    *(
        ModelSignature(Schema([TensorSpec(np.dtype(kind), (-1,))]))
        for kind in ("float32", "O", "str", "M8[s]", "c8", "S")
    ),
    *(ModelSignature(Schema([TensorSpec(np.dtype(kind), (-1, 2, 2))])) for kind in ("int64", "O", "str", "M8[ns]")),
    ModelSignature(Schema([TensorSpec(np.dtype("f4"), (-1, 2), "a"), TensorSpec(np.dtype("O"), (-1,), "b")])),
    ModelSignature(Schema([ColSpec("double", "a")]), params=ParamSchema([ParamSpec("k", "long", 3)])),
]


@st.composite
def anything(draw: st.DrawFn) -> Any:
    value = draw(JSON_VALUES)
    form: Callable[[Any], Any] = draw(
        st.sampled_from(
            [
                lambda v: v,
                lambda v: [v],
                lambda v: {"a": v},
                lambda v: [{"a": v}, {"a": 1, "b": v}],
                lambda v: {"inputs": v},
                lambda v: {"instances": v},
                lambda v: {"inputs": {"a": v}},
                lambda v: {"inputs": {"a": [v, v]}},
                lambda v: {"instances": [v, v]},
                lambda v: {"dataframe_records": v},
                lambda v: {"dataframe_records": [{"a": v}], "params": {"k": v}},
                lambda v: {"dataframe_records": [{"a": 1}], "params": v},
                lambda v: {"dataframe_split": v},
                lambda v: {"dataframe_split": {"columns": v, "data": [[1]]}},
                lambda v: {"dataframe_split": {"columns": ["a", "b"], "data": [[v, v]], "index": [v]}},
                lambda v: {"dataframe_split": {"data": v}},
                lambda v: {"dataframe_split": {"data": [[v]]}, "inputs": v},
            ]
        )
    )
    return form(value)


@pytest.mark.parametrize(
    ("of", "fitted"), [*((of, ()) for of in SIGNATURES), (None, ("a",)), (None, ("a", "b"))], ids=str
)
@given(asked=anything())
@settings(unhurried, max_examples=40)
def test_whatever_comes_is_read_or_refused(of: ModelSignature | None, fitted: tuple[str, ...], asked: Any) -> None:
    try:
        found = RowReader(of, fitted).read(asked)
    except InputRefused as error:
        refusal: InputRefused | None = error
    else:
        refusal = None
        echo(of).predict(found.data, found.params)  # MLflow takes whatever is read
    assert refusal is None or sendable(refusal)


def sendable(refusal: InputRefused) -> bool:
    told = refusal.problem().model_dump_json()
    return (
        0 < len(refusal.errors) <= 20
        and all(each.field == "predictionParameters" for each in refusal.errors)
        and len(told) < 10_000
    )
