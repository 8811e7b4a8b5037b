"""Rows for each model of the catalog, as the model takes them and as a client sends them."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd

CITIES = ("Berlin", "Oslo", "Rome")
WRONG = "wide"
"""Neither a number nor a date."""

Rows = Callable[[np.random.Generator, int], Any]
"""So many random rows, as MLflow documents the input of the model: a DataFrame, an array or a list of dicts."""


def homes(random: np.random.Generator, size: int) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "area": random.uniform(20, 200, size),
            "height": random.uniform(2, 4, size),
            "rooms": random.integers(1, 7, size),
            "city": random.choice(CITIES, size),
            "garden": random.choice([True, False], size),
        }
    )


def columns(*names: str) -> Rows:
    return lambda random, size: homes(random, size)[list(names)]


def some_heights(random: np.random.Generator, size: int) -> pd.DataFrame:
    frame = homes(random, size)[["area", "height", "rooms"]]
    return frame.assign(height=frame["height"].where(random.random(size) < 0.5))


def days(random: np.random.Generator, size: int) -> pd.DataFrame:
    """Dates in no order."""
    return pd.DataFrame({"ds": pd.Timestamp("2023-06-01") + pd.to_timedelta(random.integers(0, 300, size), unit="D")})


def tensor(dtype: str) -> Rows:
    return lambda random, size: random.uniform(0, 10, (size, 2)).astype(dtype)


def named_tensor(random: np.random.Generator, size: int) -> Any:
    return {"homes": tensor("float32")(random, size)}


def records(random: np.random.Generator, size: int) -> Any:
    return homes(random, size)[["area", "city"]].to_dict("records")


ROWS: dict[str, Rows] = {
    "sklearn_columns": homes,
    "sklearn_labels": columns("area", "height", "rooms"),
    "sklearn_probabilities": columns("area", "height"),
    "sklearn_several_numbers": columns("area", "height"),
    "sklearn_several_probabilities": columns("area", "height"),
    "sklearn_tensor": tensor("float64"),
    "xgboost_trees": some_heights,
    "lightgbm_trees": columns("area", "height", "rooms"),
    "catboost_trees": columns("area", "rooms", "city"),
    "statsmodels_ols": columns("area", "height"),
    "prophet_days": days,
    "onnx_number": columns("area", "height"),
    "onnx_numbers": columns("area", "height"),
    "onnx_tensor": named_tensor,
    "pytorch_tensor": tensor("float32"),
    "python_model": columns("area", "height"),
    "model_from_code": columns("area", "height"),
    "typed_python_model": records,
}


def sent(rows: Any, form: int, wrong: bool = False) -> Any:
    """The rows as ``predictionParameters`` in one of three forms where there are several; *wrong* spoils one value."""
    match rows:
        case np.ndarray():
            return {"instances": _spoiled(rows.tolist(), wrong)}
        case dict():
            return {"inputs": {name: _spoiled(values.tolist(), wrong) for name, values in rows.items()}}
        case list():
            names, forms = list(rows[0]), ("plain", "inputs", "plain")
            data = [list(row.values()) for row in rows]
        case _:
            names, forms = list(rows.columns), ("plain", "dataframe_records", "dataframe_split")
            data = json_value(rows.to_numpy(dtype=object))
    return _in_form(forms[form % 3], names, _spoiled(data, wrong))


def _in_form(form: str, names: list[str], data: list[list[Any]]) -> Any:
    records = [dict(zip(names, values, strict=True)) for values in data]
    match form:
        case "dataframe_split":
            return {form: {"columns": names, "data": data}}
        case "plain":
            return records
    return {form: records}


def _spoiled(data: list[list[Any]], wrong: bool) -> list[list[Any]]:
    return [[WRONG, *data[0][1:]], *data[1:]] if wrong else data


def json_value(value: Any) -> Any:
    """What JSON has for it: lists, objects, texts, numbers and null."""
    match value:
        case pd.DataFrame():
            return [json_value(record) for record in value.to_dict("records")]
        case pd.Series() | np.ndarray():
            return json_value(value.tolist())
        case dict():
            return {str(name): json_value(each) for name, each in value.items()}
        case list() | tuple():
            return [json_value(each) for each in value]
        case np.generic():
            return json_value(value.item())
        case pd.Timestamp():
            return value.isoformat()
        case float() if value != value:
            return None
    return value


def differences(answer: Any, own: Any, where: str = "") -> Sequence[str]:
    """Where two JSON values differ in more than the last places of a float."""
    match answer, own:
        case list(), list() if len(answer) == len(own):
            pairs = [(f"{where}[{index}]", *pair) for index, pair in enumerate(zip(answer, own, strict=True))]
        case dict(), dict() if answer.keys() == own.keys():
            pairs = [(f"{where}.{name}", answer[name], own[name]) for name in own]
        case float(), float() if abs(answer - own) <= 1e-6 * max(abs(own), 1e-6):
            pairs = []
        case _:
            return [] if type(answer) is type(own) and answer == own else [f"{where}: {answer!r} is not {own!r}"]
    return [difference for pair in pairs for difference in differences(pair[1], pair[2], pair[0])]
