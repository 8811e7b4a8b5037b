"""Rows as objects, and what stands under ``instances`` and ``inputs``: records, columns or a tensor. Pure.

pandas fills up a column that a row leaves out and repeats a single value beside a list. So a model would get values
that nobody sent.
"""

from collections.abc import Sequence
from itertools import chain
from typing import Any

from functions.predict.wrong_rows import (
    WrongRows,
    check_number_of_columns,
    check_number_of_rows,
    count,
    quoted,
    quoted_list,
    refuse,
)
from functions.settings import RowSettings

_CHUNK = 500
"""Rows that are compared at once: few enough for the processor's cache."""


def check_records(records: Any, limits: RowSettings) -> None:
    """Rows as objects, all with the same columns in any order. Raises WrongRows."""
    if not isinstance(records, list):
        raise WrongRows("dataframe_records must be a list of rows")
    check_number_of_rows(len(records), limits)
    if set(map(type, records)) != {dict}:
        wrong = [number for number, row in enumerate(records) if not isinstance(row, dict)]
        refuse(wrong, lambda number: f"row {number} is not an object: every row must be one")
    columns = records[0].keys()
    check_number_of_columns(len(columns), limits)
    if not _in_one_order(records, list(columns)):
        others = [number for number, row in enumerate(records) if row.keys() != columns]
        refuse(others, lambda number: f"row {number} {_difference(records[0], records[number])}")


def check_tensor_or_columns(values: dict[str, Any] | list[Any], limits: RowSettings) -> None:
    """Whether a tensor has the right shape is for the model's signature to say. Raises WrongRows."""
    if isinstance(values, dict):
        _check_columns(values, limits)
    elif dict in set(map(type, values)):
        check_records(values, limits)
    else:
        check_number_of_rows(len(values), limits)


def _in_one_order(records: Sequence[dict[str, Any]], columns: list[str]) -> bool:
    """Whether all rows have just these columns in this order: as clients write them, and the cheapest to tell.

    Keys of one row differ, so only rows of all the columns make up their repetition.
    """
    expected = columns * min(_CHUNK, len(records))
    for start in range(0, len(records), _CHUNK):
        chunk = records[start : start + _CHUNK]
        if list(chain.from_iterable(chunk)) != expected[: len(chunk) * len(columns)]:
            return False
    return True


def _difference(first: dict[str, Any], row: dict[str, Any]) -> str:
    lacking = [column for column in first if column not in row]
    added = [column for column in row if column not in first]
    lacks = f"lacks {quoted_list(lacking)}" if lacking else ""
    has = f"has {quoted_list(added)}, which row 0 lacks" if added else ""
    return " and ".join(filter(None, (lacks, has)))


def _check_columns(columns: dict[str, Any], limits: RowSettings) -> None:
    """Lists of one length, or single values, which are one row."""
    check_number_of_columns(len(columns), limits)
    lengths = {name: len(value) if isinstance(value, list) else None for name, value in columns.items()}
    lists = [length for length in lengths.values() if length is not None]
    if lists:
        check_number_of_rows(max(lists), limits)
    if len(set(lengths.values())) > 1 and not any(map(_is_tensor, columns.values())):
        first, *others = columns
        wrong = [name for name in others if lengths[name] != lengths[first]]
        refuse(
            wrong,
            lambda name: f"{quoted(name)} has {_values(lengths[name])}, {quoted(first)} {_values(lengths[first])}",
        )


def _is_tensor(value: Any) -> bool:
    """A list of lists. The inputs of a network may differ in their first dimension; its signature knows."""
    return isinstance(value, list) and list in set(map(type, value))


def _values(length: int | None) -> str:
    return "no list" if length is None else count(length, "value")
