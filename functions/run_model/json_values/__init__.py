"""A model's prediction as plain JSON values, by the table "Results out" of docs/conversions.md."""

from functools import cache
from typing import Any

from functions.run_model.json_values.converter import Converter, Handler, NoJson, TooLong, type_name
from functions.run_model.json_values.objects import other_object
from functions.run_model.json_values.python_values import python_kinds

__all__ = ["NoJson", "TooLong", "json_value"]
UNBOUNDED = 2**63


def json_value(prediction: Any, max_bytes: int = UNBOUNDED) -> Any:
    """Lists, dicts with str keys, str, int of 64 bits, finite float, bool and None; nothing is converted with loss.

    Raises NoJson, also where reading the result fails: it may be an object of the model's own. Raises TooLong as soon
    as it is certain that the JSON would have more than `max_bytes`.
    """
    try:
        return Converter(_kinds(), other_object, max_bytes).value(prediction)
    except (NoJson, TooLong):
        raise
    except BaseException as error:  # reading a result runs whatever code its classes have
        raise NoJson(type_name(prediction), f"cannot be read: {type_name(error)}") from error


@cache
def _kinds() -> dict[type, Handler]:
    """Made at the first result: it imports numpy and pandas."""
    from functions.run_model.json_values.numpy_values import numpy_kinds
    from functions.run_model.json_values.pandas_values import pandas_kinds

    return {**python_kinds(), **numpy_kinds(), **pandas_kinds()}
