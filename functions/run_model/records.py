"""Which requests may share a call of a model: those whose rows mean the same beside each other as alone. Pure."""

from collections.abc import Sequence, Set
from itertools import chain, repeat
from typing import Any

MAX_MERGED_ROWS = 100
"""A request with more rows gains nothing by sharing a call."""
_MERGED_KINDS = frozenset({bool, int, float, str})
_NUMBERS = frozenset({int, float})


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


def concatenate(records: Sequence[list[dict[str, Any]]]) -> list[dict[str, Any]]:
    return list(chain.from_iterable(records))


def _as_records(rows: Any) -> list[Any] | None:
    match rows:
        case {"dataframe_records": list() as records, **rest}:
            return None if rest else records
        case {"dataframe_split": {"columns": list() as columns, "data": list() as data, **inner}, **rest}:
            if rest or inner or len(data) > MAX_MERGED_ROWS or not _are_names(columns):
                return None
            whole = all(isinstance(values, list) and len(values) == len(columns) for values in data)
            return [dict(zip(columns, values, strict=True)) for values in data] if whole else None
        case dict():
            return None
        case _:
            return rows if isinstance(rows, list) else None


def _are_names(columns: list[Any]) -> bool:
    return all(isinstance(name, str) for name in columns) and len(set(columns)) == len(columns)


def _key(record: Any, float_columns: Set[str]) -> tuple[object, ...] | None:
    if not isinstance(record, dict):
        return None
    if record.keys() <= float_columns and set(map(type, record.values())) <= _NUMBERS:
        return *record, *repeat(float, len(record))  # what the loop below gives for it
    kinds: list[object] = []
    for column, value in record.items():
        kind = type(value)
        if kind is int and column in float_columns:
            kind = float
        elif kind not in _MERGED_KINDS or (kind is int and not -(2**63) <= value < 2**63):
            return None
        kinds.append(kind)
    return *record, *kinds
