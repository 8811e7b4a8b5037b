"""Scoring as MLflow's own server does it: JSON to model input, predict, prediction to JSON. Blocks; use a thread."""

import json
import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from functions.errors import InputRefused, PredictionFailed

if TYPE_CHECKING:
    from mlflow.pyfunc import PyFuncModel
    from mlflow.types import Schema

logger = logging.getLogger(__name__)
MAX_MESSAGE = 2000
_PLAIN_KINDS = "biufUSO"
"""numpy's dtype kinds whose ``tolist`` gives JSON values: booleans, integers, floats, text and objects."""


def model_input(rows: Any, schema: "Schema | None") -> Any:
    """A DataFrame for rows, what MLflow's own scoring server makes of a scoring body; cast as the signature says.

    Raises InputRefused.
    """
    from mlflow.exceptions import MlflowException
    from mlflow.utils.proto_json_utils import dataframe_from_parsed_json, parse_tf_serving_input

    try:
        match rows:
            case {"dataframe_split": frame}:
                return dataframe_from_parsed_json(frame, "split", schema)
            case {"dataframe_records": records}:
                return dataframe_from_parsed_json(records, "records", schema)
            case {"instances": _} | {"inputs": _}:
                return parse_tf_serving_input(rows, schema)
            case _:
                return dataframe_from_parsed_json(rows if isinstance(rows, list) else [rows], "records", schema)
    except (MlflowException, ValueError, TypeError, KeyError, AttributeError, OverflowError) as error:
        raise InputRefused(f"The rows do not fit the model: {str(error)[:MAX_MESSAGE]}") from error


def merge_key(value: Any) -> object | None:
    """Inputs with the same key may be concatenated without changing any of them; None: never."""
    import pandas as pd

    if not isinstance(value, pd.DataFrame):
        return None
    return tuple(zip(value.columns, map(str, value.dtypes), strict=True))


def concatenate(frames: Sequence[Any]) -> Any:
    import pandas as pd

    return pd.concat(frames, ignore_index=True)


def score(model: "PyFuncModel", value: Any) -> Any:
    """The prediction as JSON values. Raises InputRefused (signature) or PredictionFailed (the model's own code)."""
    from mlflow.exceptions import MlflowException

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
