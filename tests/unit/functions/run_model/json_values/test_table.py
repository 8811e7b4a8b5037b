"""Each row of the tables "Results out" in docs/conversions.md is what `json_value` does."""

import dataclasses
import datetime
import decimal
import enum
import json
import re
import uuid
import zoneinfo
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pandas as pd
import pydantic
import pytest
import scipy.sparse  # type: ignore[import-untyped]  # it has no types

from functions.run_model.json_values import NoJson, json_value

NAMES: dict[str, Any] = {
    "__name__": "table",
    "dataclasses": dataclasses,
    "datetime": datetime,
    "decimal": decimal,
    "enum": enum,
    "np": np,
    "pd": pd,
    "pydantic": pydantic,
    "scipy": scipy,
    "uuid": uuid,
    "zoneinfo": zoneinfo,
}
DOCUMENT = (Path(__file__).parents[5] / "docs/conversions.md").read_text(encoding="utf-8")
RESULTS = DOCUMENT.split("\n## Results out\n", 1)[1].split("\n## ", 1)[0]
CONVERTED, REFUSED = RESULTS.split("\n### What is refused\n", 1)
EXAMPLE = re.compile(r"^\| ([^|]+) \| `([^|]+)` \| `([^|]+)` \|$", re.MULTILINE)
WITHOUT_EXAMPLE = {"Tensor of torch or tensorflow: its values"}


def examples(text: str) -> list[Any]:
    return [pytest.param(code, outcome, id=name) for name, code, outcome in EXAMPLE.findall(text)]


def test_every_row_has_an_example() -> None:
    rows = re.findall(r"^\| (?!result)([^|]+) \|", RESULTS, re.MULTILINE)
    assert set(rows) - {name for name, _, _ in EXAMPLE.findall(RESULTS)} == WITHOUT_EXAMPLE
    assert len(examples(REFUSED)) > 15


@pytest.mark.parametrize(("code", "expected"), examples(CONVERTED))
def test_result_is_the_json_of_its_row(code: str, expected: str) -> None:
    text = orjson.dumps(json_value(eval(code, dict(NAMES))), option=orjson.OPT_SORT_KEYS)
    assert text == orjson.dumps(json.loads(expected), option=orjson.OPT_SORT_KEYS)


@pytest.mark.parametrize(("code", "type_name"), examples(REFUSED))
def test_refused_result_is_named_as_its_row_says(code: str, type_name: str) -> None:
    with pytest.raises(NoJson) as refused:
        json_value(eval(code, dict(NAMES)))
    assert refused.value.type_name == type_name
