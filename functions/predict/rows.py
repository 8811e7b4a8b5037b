"""The rows of a request in the form that they travel in: a list of rows, or an MLflow scoring body. Pure."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from functions.predict.split import check_split
from functions.predict.tables import check_records, check_tensor_or_columns
from functions.predict.wrong_rows import WrongRows, check_number_of_cells, quoted, refuse
from functions.settings import RowSettings

MAX_DEPTH = 32
"""Levels of lists and objects in the rows."""
MAX_PARAMS = 100
SCORING_KEYS = ("dataframe_split", "dataframe_records", "instances", "inputs")
_KEY = re.compile(rb'"predictionParameters"[ \t\r]*:')
_SQUARE = bytes.maketrans(b"{}", b"[]")
_NO_MARKS = bytes(byte for byte in range(256) if byte not in b"[]{}:")
_NO_QUOTED = bytes(byte for byte in range(256) if byte not in b'[]{}"')


@dataclass(frozen=True)
class Rows:
    """Checked rows, also as JSON.

    ``colons`` counts the colons in the JSON: one a key, and those in strings. ``start`` is where the JSON starts in the
    body, if it was taken from there.
    """

    value: Any
    json: bytes
    colons: int
    start: int | None = None


def checked_rows(given: Any, limits: RowSettings, body: bytes = b"") -> Rows:
    """The rows in normal form. With the body that they were read from, their JSON is taken from there where it is
    proven to be theirs, which saves writing it. Raises WrongRows."""
    value = normal_form(given)
    _check(value, limits)
    start, text = _as_sent(body) if value is given else (None, b"")
    text = text or _as_json(value)
    marks = text.translate(_SQUARE, delete=_NO_MARKS)
    brackets = marks.translate(None, delete=b":")
    # With no more brackets than the rows themselves have, nothing is nested in them.
    flat = len(brackets) == _flat_brackets(value)
    if not text or (not flat and _may_be_deep(text, brackets) and _deeper_than(value, MAX_DEPTH)):
        raise WrongRows(f"is nested deeper than {MAX_DEPTH} levels")
    if _may_have_many_cells(text, limits):
        check_number_of_cells(_cells(value), limits)
    colons = len(marks) - len(brackets)
    if start is not None and colons != _flat_keys(value):
        start, text = None, _as_json(value)
        colons = text.count(b":")
    return Rows(value, text, colons, start)


def _as_sent(body: bytes) -> tuple[int | None, bytes]:
    """What the body has between the key of the rows and its last brace, and where; nothing if it has escapes or lines.

    This is the rows' JSON if it has exactly one colon for each of their keys: everything else that can stand there (a
    member behind the rows, or the rows themselves behind another use of that key) has a colon of its own.
    """
    key = _KEY.search(body)
    if key is None or b"\\" in body or b"\n" in body:
        return None, b""
    return key.end(), body[key.end() : body.rfind(b"}")].strip()


def _flat_brackets(value: Any) -> int | None:
    """The number of brackets of flat rows; None for rows that may hold lists."""
    match value:
        case list():
            return 2 + 2 * len(value)
        case {"dataframe_split": {"data": list() as data, **beside}}:
            return 6 + 2 * len(data) + 2 * sum(isinstance(each, list) for each in beside.values())
    return None


def _flat_keys(value: Any) -> int:
    """The number of keys in checked rows, those in nested values and params left out."""
    match value:
        case [dict() as first, *_]:
            return len(value) * len(first)
        case {"dataframe_split": split}:
            return 1 + len(split)
        case {"dataframe_records": inner} | {"instances": inner} | {"inputs": inner}:
            return 1 + (len(inner) if isinstance(inner, dict) else _flat_keys(inner))
    return 0


def normal_form(given: Any) -> Any:
    """A row becomes a list of one row; what else is no list holds one scoring key, and params if there are any.

    MLflow takes a string under a scoring key for the path of a file. Here it is a value in a column of that name.
    Raises WrongRows.
    """
    if isinstance(given, list):
        return given
    if not isinstance(given, dict):
        raise WrongRows("must be a row (object), rows (list of objects) or an MLflow scoring body")
    if not given:
        raise WrongRows("has no columns")
    scoring = [key for key in SCORING_KEYS if isinstance(given.get(key), dict | list)]
    if not scoring:
        return [given]
    if len(given) > 1 + ("params" in given):  # of a hundred thousand keys no set is made
        raise WrongRows(
            f"has {' and '.join(scoring)} beside other keys: send a row with such a column in a list, "
            "a scoring body with nothing but params beside it"
        )
    if "params" in given and given["params"] in (None, {}):
        return {scoring[0]: given[scoring[0]]}
    return given


def _check(value: Any, limits: RowSettings) -> None:
    match value:
        case list():
            check_records(value, limits)
        case {"dataframe_records": records}:
            check_records(records, limits)
        case {"dataframe_split": split}:
            check_split(split, limits)
        case {"instances": values} | {"inputs": values}:
            check_tensor_or_columns(values, limits)
    if isinstance(value, dict) and "params" in value:
        _check_params(value["params"])


def _check_params(params: Any) -> None:
    """Names and types are the model's to judge."""
    if not isinstance(params, dict):
        raise WrongRows("params must be an object")
    if len(params) > MAX_PARAMS:
        raise WrongRows(f"params has {len(params)} entries; {MAX_PARAMS} are allowed")
    nested = [name for name, value in params.items() if isinstance(value, list) and _has_children(value)]
    refuse(nested, lambda name: f"params: {quoted(name)} must be a value, an object or a list of values")


def _has_children(values: Iterable[Any]) -> bool:
    return any(isinstance(value, dict | list) for value in values)


def _as_json(value: Any) -> bytes:
    """Empty for rows so deep that orjson gives up, which is far beyond `MAX_DEPTH`."""
    try:
        return orjson.dumps(value)
    except orjson.JSONEncodeError:
        return b""


def _may_be_deep(text: bytes, brackets: bytes) -> bool:
    """Take away one level of brackets after the other, at a tenth of the cost of looking at each value.

    Brackets in strings could hide levels. They have an odd number of quotes before them; then the answer is true.
    """
    if b"\\" in text or b'"' in text.translate(None, delete=_NO_QUOTED).replace(b'""', b""):
        return True
    for _ in range(MAX_DEPTH):
        brackets = brackets.replace(b"[]", b"")
        if not brackets:
            return False
    return True


def _may_have_many_cells(text: bytes, limits: RowSettings) -> bool:
    """A value and its comma have two bytes."""
    return len(text) // 2 > limits.max_cells and text.count(b",") >= limits.max_cells


def _cells(value: Any) -> int:
    """The values that are neither lists nor objects; rows that have passed `_deeper_than` need little recursion."""
    if isinstance(value, dict | list):
        return sum(map(_cells, value.values() if isinstance(value, dict) else value))
    return 1


def _deeper_than(value: Any, levels: int) -> bool:
    """Breadth first, so that it needs no recursion itself."""
    layer: Sequence[Any] = [value]
    for _ in range(levels):
        children = (child for node in layer for child in (node.values() if isinstance(node, dict) else node))
        layer = [child for child in children if isinstance(child, dict | list)]
        if not layer:
            return False
    return True
