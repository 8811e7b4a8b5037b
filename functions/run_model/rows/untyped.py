"""Columns without a type in the signature: what pandas makes of one kind of JSON values, if it loses nothing."""

from typing import Any

from functions.run_model.rows.columns import Offenders
from functions.run_model.rows.refusals import WrongValue, shown
from functions.run_model.rows.values import EXACT, text

_KINDS = {bool: "booleans", int: "numbers", float: "numbers", str: "text", list: "lists", dict: "objects"}


def untyped_column(given: list[Any], mixed: bool = False) -> tuple[Any, Offenders]:
    """Whole numbers stay whole, with others among them or null they become floats; *mixed* kinds may be allowed."""
    import numpy as np
    import pandas as pd

    types = set(map(type, given))
    offenders = _offenders(given, types)
    if not mixed:
        offenders = _other_kind(given, types) or offenders
    if offenders:
        return None, offenders
    if types == {str} or types == {str, type(None)}:
        return pd.array(given, dtype="str"), []
    numeric = types <= {int, float, type(None)} and types != {type(None)}
    dtype = _dtype(types, numeric)
    # A frame takes an array in a twentieth of the time of a Series, and of a column's memory.
    return (pd.Series(given, dtype=dtype) if dtype == "object" else np.array(given, dtype=dtype)), []


def _other_kind(given: list[Any], types: set[type]) -> Offenders:
    """The first value that is of another kind than those before it."""
    names = sorted({_KINDS.get(each, "other values") for each in types if each is not type(None)})
    if len(names) < 2:
        return []
    kinds = [_KINDS.get(type(value)) if value is not None else None for value in given]
    first = next(kind for kind in kinds if kind)
    row = next(row for row, kind in enumerate(kinds) if kind and kind != first)
    return [(row, f"the column holds {' and '.join(names)}")]


def _dtype(types: set[type], numeric: bool) -> str:
    if numeric:
        return "int64" if types == {int} else "float64"
    return "bool" if types == {bool} else "object"


def _offenders(given: list[Any], types: set[type]) -> Offenders:
    """Whole numbers beyond 64 bits, those that become floats and have no exact one, and halves of characters."""
    found: Offenders = []
    if not types & {int, str}:
        return found
    becomes_float = types <= {int, float, type(None)} and types != {int}
    for row, value in enumerate(given):
        if type(value) is int and not -(2**63) <= value < 2**63:
            found.append((row, f"{shown(value)} does not fit 64 bits"))
        elif becomes_float and type(value) is int and abs(value) >= EXACT and float(value) != value:
            found.append((row, f"{shown(value)} has no exact 64-bit floating-point number, as the column's others are"))
        elif isinstance(value, str) and (reason := _no_text(value)):
            found.append((row, reason))
    return found


def _no_text(value: str) -> str:
    try:
        text(value)
    except WrongValue as error:
        return str(error)
    return ""
