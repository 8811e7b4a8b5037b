"""Scoring as MLflow's own server does it: JSON to model input, predict, prediction to JSON. Blocks; use a thread."""

import copy
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


class Scorer:
    """Predicts with one loaded model. ``float_columns`` are those that its signature makes floats."""

    def __init__(self, model: "PyFuncModel") -> None:
        self._model = model
        self._schema: Schema | None = model.metadata.get_input_schema()
        self._doubles = DoubleFrames(self._schema)
        self._unchecked = _without_signature(model)
        self.float_columns = float_columns(self._schema)

    def score(self, rows: Any) -> Any:
        """The prediction as JSON values. Raises InputRefused or PredictionFailed (the model's own code)."""
        frame = self._doubles.frame(rows)
        if frame is None:
            return _predict(self._model, model_input(rows, self._schema))
        # What the signature makes of it is this frame again, which takes MLflow longer than most models to predict.
        return _predict(self._unchecked, frame)


def _without_signature(model: "PyFuncModel") -> "PyFuncModel":
    """The same model with nothing to check, where checking only makes sure of the columns and their types."""
    from mlflow.pyfunc import PyFuncModel

    python_function = model.metadata.flavors["python_function"]
    if model.metadata.get_params_schema() is not None or python_function["loader_module"].startswith("mlflow.pyfunc."):
        return model  # parameters have defaults, and a PythonModel may want another type than a frame
    metadata = copy.copy(model.metadata)
    metadata.signature = None
    # `_model_impl` is documented as a stable interface for developers.
    return PyFuncModel(metadata, model._model_impl, python_function.get("predict_fn", "predict"), None, model.model_id)


def _predict(model: "PyFuncModel", value: Any) -> Any:
    from mlflow.exceptions import MlflowException

    try:
        return json_value(model.predict(value))
    except MlflowException as error:
        raise InputRefused(f"The model refuses the rows: {str(error)[:MAX_MESSAGE]}") from error
    except Exception as error:  # a model may raise anything; its client reads what
        logger.warning("predict raised", exc_info=True)
        raise PredictionFailed(f"The model raised {type(error).__name__}: {str(error)[:MAX_MESSAGE]}") from error


def model_input(rows: Any, schema: "Schema | None") -> Any:
    """A DataFrame for rows, what MLflow's own scoring server makes of a scoring body; cast as the signature says.

    Raises InputRefused.
    """
    from mlflow.exceptions import MlflowException
    from mlflow.utils.proto_json_utils import dataframe_from_parsed_json, parse_tf_serving_input

    try:
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


class DoubleFrames:
    """What MLflow makes of rows for a signature of doubles alone, in one go instead of column by column."""

    def __init__(self, schema: "Schema | None") -> None:
        import pandas as pd

        self._columns = _double_columns(schema)
        self._sorted = sorted(self._columns)
        self._index = pd.Index(self._columns)

    def frame(self, rows: Any) -> "DataFrame | None":
        """The columns in the signature's order; None for whatever is not that simple."""
        import numpy as np
        import pandas as pd

        if not self._columns:
            return None
        try:
            given, data = self._given(rows)
            values = np.array(data, dtype=np.float64)
        except (ValueError, TypeError, KeyError, AttributeError, OverflowError):
            return None  # MLflow says what is wrong
        if values.shape != (len(data), len(self._columns)):
            return None
        if given != self._columns:
            values = values[:, [given.index(column) for column in self._columns]]
        return pd.DataFrame(values, columns=self._index.view())  # of its own: the model may change it

    def _given(self, rows: Any) -> tuple[list[str], list[Any]]:
        """The columns and one list of their values a row. Raises ValueError if it is not that simple."""
        columns = self._columns
        match rows:
            case {"dataframe_split": {"columns": list() as given, "data": list() as data, **rest}}:
                if not rest and sorted(given) == self._sorted:
                    return given, data
            case {"dataframe_split": _} | {"instances": _} | {"inputs": _}:
                pass
            case _:
                records = rows.get("dataframe_records", [rows]) if isinstance(rows, dict) else rows
                if all(len(record) == len(columns) for record in records):
                    return columns, [[record[column] for column in columns] for record in records]
        raise ValueError("not rows of exactly the signature's columns")


def _double_columns(schema: "Schema | None") -> list[str]:
    """The columns of a signature that has doubles alone, each with a name of its own; of another one, none."""
    from mlflow.types import DataType

    if schema is None or not schema.has_input_names() or any(kind != DataType.double for kind in schema.input_types()):
        return []
    names = list(schema.input_names())
    distinct = len(set(names)) == len(names) and all(isinstance(name, str) for name in names)
    return names if distinct else []


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


def json_value(prediction: Any) -> Any:
    """Plain lists, dicts, numbers and strings."""
    import numpy as np
    import pandas as pd

    if isinstance(prediction, pd.Series | np.ndarray) and prediction.dtype.kind in _PLAIN_KINDS:
        return prediction.tolist()
    from mlflow.utils.proto_json_utils import NumpyEncoder, _get_jsonable_obj

    return json.loads(json.dumps(_get_jsonable_obj(prediction, pandas_orient="records"), cls=NumpyEncoder))
