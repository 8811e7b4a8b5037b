"""Scoring as MLflow's own server does it: JSON to model input, predict, prediction to JSON. Blocks; use a thread."""

import json
import logging
from collections.abc import Sequence, Set
from itertools import chain
from typing import TYPE_CHECKING, Any

from functions.errors import InputRefused, PredictionFailed

if TYPE_CHECKING:
    from mlflow.pyfunc import PyFuncModel
    from mlflow.types import Schema
    from pandas import DataFrame

logger = logging.getLogger(__name__)
MAX_MESSAGE = 2000
MAX_MERGED_ROWS = 100
"""A request with more rows gains nothing by company."""
_MERGED_KINDS = frozenset({bool, int, float, str})
_PLAIN_KINDS = "biufUSO"
"""numpy's dtype kinds whose ``tolist`` gives JSON values: booleans, integers, floats, text and objects."""


def model_input(rows: Any, schema: "Schema | None") -> Any:
    """A DataFrame for rows, what MLflow's own scoring server makes of a scoring body; cast as the signature says.

    Raises InputRefused.
    """
    from mlflow.exceptions import MlflowException
    from mlflow.utils.proto_json_utils import dataframe_from_parsed_json, parse_tf_serving_input

    try:
        frame = _frame_of_doubles(rows, schema)
        if frame is not None:
            return frame
        match rows:
            case {"dataframe_split": split}:
                return dataframe_from_parsed_json(split, "split", schema)
            case {"dataframe_records": records}:
                return dataframe_from_parsed_json(records, "records", schema)
            case {"instances": _} | {"inputs": _}:
                return parse_tf_serving_input(rows, schema)
            case _:
                return dataframe_from_parsed_json(rows if isinstance(rows, list) else [rows], "records", schema)
    except (MlflowException, ValueError, TypeError, KeyError, AttributeError, OverflowError) as error:
        raise InputRefused(f"The rows do not fit the model: {str(error)[:MAX_MESSAGE]}") from error


def _frame_of_doubles(rows: Any, schema: "Schema | None") -> "DataFrame | None":
    """What MLflow's parsers give for a signature of doubles alone, in one go instead of column by column.

    None for whatever is not that simple.
    """
    import numpy as np
    import pandas as pd

    columns = _double_columns(schema)
    if not columns:
        return None
    try:
        match rows:
            case {"dataframe_split": {"columns": list() as given, "data": list() as data, **rest}}:
                if rest or sorted(given) != sorted(columns):
                    return None
                columns = given
            case {"dataframe_split": _} | {"instances": _} | {"inputs": _}:
                return None
            case _:
                records = rows.get("dataframe_records", [rows]) if isinstance(rows, dict) else rows
                data = [[record[column] for column in columns] for record in records if len(record) == len(columns)]
                if len(data) < len(records):
                    return None
        values = np.array(data, dtype=np.float64)
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError):
        return None  # MLflow says what is wrong
    return pd.DataFrame(values, columns=columns) if values.shape == (len(data), len(columns)) else None


def _double_columns(schema: "Schema | None") -> list[str]:
    """The columns of a signature that has doubles alone; of another one, none."""
    from mlflow.types import DataType

    if schema is None or not schema.has_input_names() or any(kind != DataType.double for kind in schema.input_types()):
        return []
    return [str(name) for name in schema.input_names()]


def mergeable(rows: Any, float_columns: Set[str]) -> tuple[list[dict[str, Any]], tuple[object, ...]] | None:
    """The rows as records, and a key: records of the same key may be concatenated without changing what any gives.

    None for rows that are to go alone: many, of mixed or nested values, or with values missing. Integers in a column
    that the signature makes a float are taken for floats.
    """
    records = _as_records(rows)
    if not records or len(records) > MAX_MERGED_ROWS:
        return None
    key = _key(records[0], float_columns)
    if key is None or any(_key(record, float_columns) != key for record in records[1:]):
        return None
    return records, key


def _as_records(rows: Any) -> list[Any] | None:
    match rows:
        case {"dataframe_records": list() as records}:
            return records
        case {"dataframe_split": {"columns": list() as columns, "data": list() as data, **rest}}:
            if rest or len(data) > MAX_MERGED_ROWS or len(set(map(str, columns))) < len(columns):
                return None
            whole = all(isinstance(values, list) and len(values) == len(columns) for values in data)
            return [dict(zip(columns, values, strict=True)) for values in data] if whole else None
        case {"dataframe_records": _} | {"dataframe_split": _} | {"instances": _} | {"inputs": _}:
            return None
        case _:
            return rows if isinstance(rows, list) else [rows]


def _key(record: Any, float_columns: Set[str]) -> tuple[object, ...] | None:
    if not isinstance(record, dict):
        return None
    kinds: list[object] = []
    for column, value in record.items():
        kind = type(value)
        if kind is int and column in float_columns:
            kind = float
        elif kind not in _MERGED_KINDS or (kind is int and not -(2**63) <= value < 2**63):
            return None
        kinds.append(kind)
    return *record, *kinds


def concatenate(records: Sequence[list[dict[str, Any]]]) -> list[dict[str, Any]]:
    return list(chain.from_iterable(records))


def float_columns(schema: "Schema | None") -> frozenset[str]:
    """The columns that the signature makes floats."""
    from mlflow.types import DataType

    if schema is None or schema.is_tensor_spec():
        return frozenset()
    return frozenset(str(column.name) for column in schema.inputs if column.type in (DataType.float, DataType.double))


def score(model: "PyFuncModel", rows: Any) -> Any:
    """The prediction as JSON values. Raises InputRefused (signature) or PredictionFailed (the model's own code)."""
    from mlflow.exceptions import MlflowException

    value = model_input(rows, model.metadata.get_input_schema())
    try:
        return json_value(model.predict(value))
    except MlflowException as error:
        raise InputRefused(f"The model refuses the rows: {str(error)[:MAX_MESSAGE]}") from error
    except Exception as error:  # a model may raise anything; its client reads what
        logger.warning("predict raised", exc_info=True)
        raise PredictionFailed(f"The model raised {type(error).__name__}: {str(error)[:MAX_MESSAGE]}") from error


def json_value(prediction: Any) -> Any:
    """Plain lists, dicts, numbers and strings."""
    import numpy as np
    import pandas as pd

    if isinstance(prediction, pd.Series | np.ndarray) and prediction.dtype.kind in _PLAIN_KINDS:
        return prediction.tolist()
    from mlflow.utils.proto_json_utils import NumpyEncoder, _get_jsonable_obj

    return json.loads(json.dumps(_get_jsonable_obj(prediction, pandas_orient="records"), cls=NumpyEncoder))
