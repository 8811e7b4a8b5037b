"""Text, numbers, bytes and dates as JSON: pure functions. None where a value has no JSON form, unless it says null."""

import base64
from collections.abc import Callable, Sequence
from math import isfinite, isnan
from typing import Any

MIN_INTEGER, MAX_INTEGER = -(2**63), 2**64 - 1
"""Clients' parsers read integers of 64 bits, signed or not; beyond them they round, or give up."""
_DAY_AND_TIME = "0000-01-01T00:00:00"


def is_text(text: str) -> bool:
    """True if UTF-8 can encode it: lone surrogates are not text."""
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def number(value: float) -> float | str | None:
    """NaN is null, the infinities are the strings of protobuf's JSON mapping, which MLflow's documents use too."""
    if isfinite(value):
        return value
    if isnan(value):
        return None
    return "Infinity" if value > 0 else "-Infinity"


def base64_text(value: bytes) -> str:
    """As MLflow's own server encodes bytes: a line break after each 76 characters and at the end."""
    return base64.encodebytes(value).decode("ascii")


def iso_date(text: str) -> str | None:
    """ISO 8601 text completed to seconds, with a fraction of 6 or 9 digits if there is one, as pandas writes it.

    None if it is outside the years 1 to 9999, or finer than nanoseconds.
    """
    if not text[:4].isdigit() or text[4:5] not in ("", "-") or text.startswith("0000"):
        return None
    if len(text) < len(_DAY_AND_TIME):
        return text + _DAY_AND_TIME[len(text) :]
    seconds, fraction = text[:19], text[20:].rstrip("0")
    if not fraction:
        return seconds
    return f"{seconds}.{fraction.ljust(6 if len(fraction) <= 6 else 9, '0')}" if len(fraction) <= 9 else None


def plain_list(values: Sequence[Any]) -> list[Any] | None:
    """The values as JSON if all are Python's own strings, integers, floats or booleans; otherwise None.

    None as well if one of them has no JSON form: a walk over them finds which.
    """
    kinds = set(map(type, values))
    plain = _PLAIN.get(kinds.pop()) if len(kinds) == 1 else None
    return plain(values) if plain else None


def _texts(values: Sequence[str]) -> list[str] | None:
    return list(values) if is_text("".join(values)) else None


def _integers(values: Sequence[int]) -> list[int] | None:
    return list(values) if min(values) >= MIN_INTEGER and max(values) <= MAX_INTEGER else None


def _numbers(values: Sequence[float]) -> list[Any]:
    return list(values) if all(map(isfinite, values)) else [number(value) for value in values]


_PLAIN: dict[type, Callable[[Sequence[Any]], list[Any] | None]] = {
    bool: list,
    float: _numbers,
    int: _integers,
    str: _texts,
}
