"""The short way for signatures of doubles alone: all values in one go, proven to be what the long way makes of them."""

from array import array
from itertools import chain
from math import isfinite
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from functions.run_model.rows.values import EXACT

if TYPE_CHECKING:
    from mlflow.types import Schema
    from numpy.typing import NDArray
    from pandas import DataFrame

FEW = 64
"""Of so few values Python is quicker than numpy."""


class NotSimple(Exception):
    """The rows go the long way."""


class DoubleFrames:
    """Reads records and ``dataframe_split`` of exactly the signature's columns, if all of them are doubles.

    ``columns`` is empty where they are not.
    """

    def __init__(self, schema: "Schema | None") -> None:
        import pandas as pd

        self.columns = double_columns(schema)
        self._width = len(self.columns)
        self._sorted = sorted(self.columns)
        self._index = pd.Index(self.columns)
        self._new_frame = pd.DataFrame
        self._values_of = itemgetter(*self.columns or ("",))

    def frame(self, values: "NDArray[Any]") -> "DataFrame":
        """The frame of an array that `array` made."""
        return self._new_frame(values, columns=self._index.view())  # of its own: the model may change it

    def array(self, rows: Any) -> "NDArray[Any] | None":
        """The columns in the signature's order; None for rows that are not that simple."""
        if not self.columns:
            return None
        try:
            given, flat = self._given(rows)
            values = _doubles(flat).reshape(-1, self._width)
        except (NotSimple, ValueError, TypeError, KeyError, AttributeError, OverflowError):
            return None
        if given != self.columns:
            values = values[:, [given.index(column) for column in self.columns]]
        return values

    def _given(self, rows: Any) -> tuple[list[str], list[Any]]:
        """The columns, and the values row by row. Raises NotSimple and what odd rows raise."""
        match rows:
            case {"dataframe_split": {"columns": list() as given, "data": list() as data, **rest}, **more}:
                if rest or more or sorted(given) != self._sorted or set(map(type, data)) != {list}:
                    raise NotSimple
                self._check_width(data)
                return given, list(chain.from_iterable(data))
            case {"dataframe_records": list() as records, **more} if not more:
                return self.columns, self._values(records)
            case list():
                return self.columns, self._values(rows)
            case dict():
                return self.columns, self._values([rows])
        raise NotSimple

    def _values(self, records: list[Any]) -> list[Any]:
        if set(map(type, records)) != {dict}:
            raise NotSimple
        self._check_width(records)
        values = map(self._values_of, records)
        return list(values if self._width == 1 else chain.from_iterable(values))

    def _check_width(self, rows: list[Any]) -> None:
        if set(map(len, rows)) != {self._width}:
            raise NotSimple


def _doubles(flat: list[Any]) -> "NDArray[Any]":
    """Raises NotSimple unless all are numbers and whole ones are small enough to be exact; TypeError for text and null.

    ``array`` takes numbers and booleans. Looking for booleans among its zeros and ones, and for large numbers by the
    extremes, is three times as quick as looking at every value's type.
    """
    import numpy as np

    values: NDArray[Any] = np.frombuffer(array("d", flat))
    # Comparisons with NaN are false.
    if len(flat) <= FEW:
        inside = -EXACT < min(flat) <= max(flat) < EXACT and isfinite(sum(flat))
        may_be_booleans = flat
    else:
        inside = bool(-EXACT < values.min() <= values.max() < EXACT)
        may_be_booleans = _zeros_and_ones(flat, values)
    if not inside or bool in set(map(type, may_be_booleans)):
        raise NotSimple
    return values


def _zeros_and_ones(flat: list[Any], values: "NDArray[Any]") -> list[Any]:
    found = ((values == 0) | (values == 1)).nonzero()[0]
    return flat if len(found) > len(flat) // 4 else [flat[place] for place in found.tolist()]


def double_columns(schema: "Schema | None") -> list[str]:
    """The columns of a signature that has doubles alone, each with a name of its own; of another one, none."""
    from mlflow.types import DataType

    if schema is None or not schema.has_input_names() or any(kind != DataType.double for kind in schema.input_types()):
        return []
    names = [column.name for column in schema.inputs]
    distinct = len(set(names)) == len(names) and all(isinstance(name, str) for name in names)
    return names if distinct else []
