"""Every entry of the conversion table in docs/conversions.md."""

import ast
import json
import math
import re
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pandas as pd
import pytest
from mlflow.models import ModelSignature
from mlflow.types import ColSpec, Schema, TensorSpec
from mlflow.types.schema import AnyType, Array, DataType, Map, Object, Property

from functions.errors import InputRefused
from tests.unit.functions.run_model.rows.models import as_the_model_reads, signature

DOCUMENT = Path(__file__).parents[5] / "docs/conversions.md"
CODE = re.compile(r"`([^`]*)`")


def table() -> list[list[str]]:
    section = DOCUMENT.read_text(encoding="utf-8").split("\n## ")[1]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def types() -> dict[str, list[str]]:
    return {row[0]: row for row in table()}


def spec(text: str) -> Any:
    """A type of MLflow's from the table's text."""
    if found := re.fullmatch(r"(Array|Map)\((.*)\)", text):
        return {"Array": Array, "Map": Map}[found[1]](spec(found[2]))
    if found := re.fullmatch(r"Object\((.*)\)", text):
        parts = [part.split(": ") for part in found[1].split(", ")]
        return Object([Property(name.rstrip("?"), kind, not name.endswith("?")) for name, kind in parts])
    return AnyType() if text == "Any" else DataType[text]


def signature_of(title: str) -> ModelSignature:
    name = CODE.findall(title)[0]
    if title.startswith("tensor"):
        dtype, shape = name.split(" ", 1)
        return ModelSignature(Schema([TensorSpec(np.dtype(dtype), ast.literal_eval(shape))]))
    return signature(ColSpec(spec(name), "x", required=not title.startswith("optional")))


def read(title: str, values: list[Any]) -> Any:
    if title.startswith("tensor"):
        return as_the_model_reads({"inputs": values}, signature_of(title))
    return as_the_model_reads([{"x": value} for value in values], signature_of(title))["x"]


def told(value: Any) -> Any:
    """The value that the table's text stands for, or that text."""
    if isinstance(value, str):
        if value in ("NaN", "[NaN]", "[NaN, 1.0]"):
            return ast.literal_eval(value.replace("NaN", "'NaN'")) if "[" in value else "NaN"
        try:
            return ast.literal_eval(value)
        except (ValueError, SyntaxError):
            return value
    return value


def plain(value: Any) -> Any:
    if value is pd.NaT:
        return "NaT"
    if isinstance(value, pd.Timestamp):
        return value.isoformat()
    if isinstance(value, list):
        return [plain(each) for each in value]
    return "NaN" if isinstance(value, float) and math.isnan(value) else value


@pytest.mark.parametrize("title", types())
def test_values_that_are_taken(title: str) -> None:
    _, taken, becomes, dtype, _ = types()[title]
    values = [orjson.loads(text) for text in CODE.findall(taken)]
    expected = [told(text) for text in CODE.findall(becomes)]
    assert len(values) == len(expected) > 0
    together = read(title, values)
    assert [plain(each) for each in together.tolist()] == expected
    assert together.dtype == CODE.findall(dtype)[0] or (dtype == "`str`" and together.dtype.kind == "U")
    for value, each in zip(values, expected, strict=True):  # what a value becomes does not hang on the others
        assert [plain(one) for one in read(title, [value]).tolist()] == [each]


@pytest.mark.parametrize(
    ("title", "text"), [(title, text) for title, row in types().items() for text in CODE.findall(row[4])]
)
def test_values_that_are_refused(title: str, text: str) -> None:
    valid = orjson.loads(CODE.findall(types()[title][1])[-1])
    with pytest.raises(InputRefused) as caught:
        read(title, [valid, orjson.loads(text)])
    (error,) = caught.value.errors
    assert error.field == "predictionParameters"
    assert "row 1" in error.message or ("tensor" in title and "[" in text) or ("(-1, 2)" in title)


def test_the_table_has_every_type() -> None:
    assert {kind.name for kind in DataType} <= {CODE.findall(title)[0] for title in types()}
    assert json.dumps(sorted(types()))  # the titles are distinct texts
    assert len(types()) == len(table())
