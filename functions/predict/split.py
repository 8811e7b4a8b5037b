"""``dataframe_split``: names of columns, lists of values, and an index that fits them. Pure.

pandas fills up a row that is too short and repeats rows for an index that is too long. So a model would get values that
nobody sent.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from functions.predict.wrong_rows import (
    WrongRows,
    check_number_of_columns,
    check_number_of_rows,
    count,
    quoted_list,
    refuse,
)
from functions.settings import RowSettings

_KEYS = {"columns", "data", "index"}


def check_split(split: Any, limits: RowSettings) -> None:
    """Raises WrongRows."""
    if not isinstance(split, dict):
        raise WrongRows("dataframe_split must be an object")
    if unknown := [key for key in split if key not in _KEYS]:
        raise WrongRows(f"dataframe_split has the unknown key {quoted_list(unknown)}; known are columns, data, index")
    columns, data, index = split.get("columns"), split.get("data"), split.get("index")
    if not isinstance(data, list):
        raise WrongRows("dataframe_split.data must be a list of rows")
    check_number_of_rows(len(data), limits)
    _check_data(data)
    if columns is None:
        _check_equal_lengths(data, limits)
    else:
        _check_columns(columns, limits)
        _check_lengths(data, len(columns))
    if index is not None:
        _check_index(index, len(data))


def _check_data(data: Sequence[Any]) -> None:
    if set(map(type, data)) != {list}:
        wrong = [number for number, row in enumerate(data) if not isinstance(row, list)]
        refuse(wrong, lambda number: f"row {number} is not a list: dataframe_split.data has a list of values a row")


def _check_columns(columns: Any, limits: RowSettings) -> None:
    if not _is_list_of_names(columns):
        raise WrongRows("dataframe_split.columns must be a list of strings or integers")
    check_number_of_columns(len(columns), limits)
    if len(set(columns)) < len(columns) or int in set(map(type, columns)):
        # A column 1 and a column "1" are one column to a signature, which has names.
        repeated = [name for name, times in Counter(map(str, columns)).items() if times > 1]
        refuse(repeated, lambda name: f"dataframe_split.columns has {quoted_list([name])} more than once")


def _check_lengths(data: Sequence[list[Any]], columns: int) -> None:
    if set(map(len, data)) != {columns}:
        ragged = [number for number, row in enumerate(data) if len(row) != columns]
        refuse(ragged, lambda n: f"row {n} has {count(len(data[n]), 'value')} for {count(columns, 'column')}")


def _check_equal_lengths(data: Sequence[list[Any]], limits: RowSettings) -> None:
    first = len(data[0])
    check_number_of_columns(first, limits)
    if set(map(len, data)) != {first}:
        ragged = [number for number, row in enumerate(data) if len(row) != first]
        refuse(ragged, lambda n: f"row {n} has {count(len(data[n]), 'value')}, row 0 has {first}")


def _check_index(index: Any, rows: int) -> None:
    if not _is_list_of_names(index):
        raise WrongRows("dataframe_split.index must be a list of strings or integers")
    if len(index) != rows:
        raise WrongRows(f"index has {count(len(index), 'entry', 'entries')}, data has {count(rows, 'row')}")


def _is_list_of_names(value: Any) -> bool:
    return isinstance(value, list) and set(map(type, value)) <= {str, int}
