"""A small message can stand for a large table: it is refused before the table is made."""

import tracemalloc
from typing import Any

import numpy as np
import pytest
from mlflow.models import ModelSignature
from mlflow.types import ColSpec, DataType, ParamSchema, ParamSpec, Schema, TensorSpec
from mlflow.types.schema import AnyType, Array, Map, Object, Property

from functions.errors import InputRefused
from functions.run_model.rows import RowReader

MANY = 24_000
NAMES = [f"c{number:05}" for number in range(MANY)]
RAGGED = [{name: 1} for name in NAMES]
PADDED = ["a"] * 3000 + ["b" * 100_000]
MIB = 1024 * 1024


def signature(*specs: ColSpec | TensorSpec, params: ParamSchema | None = None) -> ModelSignature:
    return ModelSignature(inputs=Schema(list(specs)), params=params)


DOUBLE, UNNAMED = signature(ColSpec("double", "x")), signature(ColSpec("double"))
TENSOR, TENSORS = signature(TensorSpec(np.dtype("O"), (-1,))), signature(TensorSpec(np.dtype("O"), (-1,), "x"))
READERS = {
    "any columns": RowReader(None),
    "fitted": RowReader(None, ("x",)),
    "named": RowReader(DOUBLE),
    "optional": RowReader(signature(ColSpec("double", NAMES[0], required=False))),
    "unnamed": RowReader(UNNAMED),
    "tensor": RowReader(TENSOR),
    "tensors": RowReader(TENSORS),
}


def refusal(reader: RowReader, rows: Any) -> str:
    """What the refusal says. It takes little memory."""
    tracemalloc.start()
    try:
        with pytest.raises(InputRefused) as refused:
            reader.read(rows)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 20 * MIB
    return refused.value.detail


@pytest.mark.parametrize("reader", READERS.values(), ids=READERS)
@pytest.mark.parametrize("rows", [RAGGED, {"dataframe_records": RAGGED}], ids=["list", "records"])
def test_rows_that_each_name_another_column(reader: RowReader, rows: Any) -> None:
    assert "24000 rows of 24000 columns are 576000000 values, and 10000000 are allowed" in refusal(reader, rows)


@pytest.mark.parametrize("reader", [READERS["any columns"], READERS["tensors"]])
def test_inputs_that_each_name_another_column(reader: RowReader) -> None:
    assert "24000 rows of 24000 columns" in refusal(reader, {"inputs": RAGGED})


WIDE = [f"c{number}" for number in range(50_001)]


@pytest.mark.parametrize(
    "rows",
    [
        [dict.fromkeys(WIDE, 1)],
        {"inputs": dict.fromkeys(WIDE, 1)},
        {"inputs": {key: [[1]] for key in WIDE}},
        {"dataframe_split": {"columns": WIDE, "data": [[1] * len(WIDE)]}},
        {"dataframe_split": {"data": [[1] * len(WIDE)]}},
    ],
    ids=["records", "values", "tensors", "split", "without columns"],
)
def test_one_row_of_many_columns(rows: Any) -> None:
    assert "there are 50001 columns, and 50000 are allowed" in refusal(READERS["any columns"], rows)


def test_many_rows() -> None:
    assert "there are 100001 rows, and 100000 are allowed" in refusal(READERS["any columns"], [{"x": "a"}] * 100_001)


@pytest.mark.parametrize("rows", [{"inputs": [[[1, 2], [3, 4]]] * 3_000_000}, {"inputs": {"x": [1] * 10_000_001}}])
def test_many_values_of_a_tensor(rows: Any) -> None:
    with pytest.raises(InputRefused, match="values, and 10000000 are allowed"):
        READERS["any columns"].read(rows)


@pytest.mark.parametrize(
    ("spec", "rows"),
    [
        (TensorSpec(np.dtype("str"), (-1,)), {"inputs": PADDED}),
        (TensorSpec(np.dtype("str"), (-1,), "x"), {"inputs": {"x": PADDED}}),
        (ColSpec(Array(DataType.string), "x"), [{"x": PADDED}]),
        (ColSpec(Array(Array(DataType.string)), "x"), [{"x": [PADDED]}]),
        (ColSpec(Map(Array(DataType.string)), "x"), [{"x": {"k": PADDED}}]),
        (ColSpec(Object([Property("k", Array(DataType.string))]), "x"), [{"x": {"k": PADDED}}]),
        (ColSpec(Array(DataType.binary), "x"), [{"x": ["YQ=="] * 3000 + ["YWFh" * 40_000]}]),
    ],
    ids=["tensor", "named tensor", "array", "array of arrays", "map", "object", "binary"],
)
def test_text_that_numpy_would_pad(spec: ColSpec | TensorSpec, rows: Any) -> None:
    """300 KB would become 1.1 GiB: an array of numpy has the length of the longest text for each."""
    assert "numpy makes each of 3001 values as long as the longest" in refusal(RowReader(signature(spec)), rows)


def test_text_of_params_that_numpy_would_pad() -> None:
    params = ParamSchema([ParamSpec("p", DataType.string, ["a"], shape=(-1,))])
    reader = RowReader(signature(ColSpec("double", "x"), params=params))
    assert "as long as the longest" in refusal(reader, {"inputs": {"x": [1.0]}, "params": {"p": PADDED}})


@pytest.mark.parametrize(
    "reader",
    [READERS["any columns"], READERS["fitted"], RowReader(signature(ColSpec(AnyType(), "x"))), READERS["tensors"]],
)
def test_objects_as_values_are_no_table(reader: RowReader) -> None:
    found = reader.read([{"x": row} for row in RAGGED]).data["x"]
    assert list(found) == RAGGED


def test_a_column_of_text_is_not_padded() -> None:
    found = RowReader(signature(ColSpec("string", "x"))).read([{"x": text} for text in PADDED])
    assert found.data["x"].tolist() == PADDED
