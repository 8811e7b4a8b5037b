"""One JSON value to the Python value that its type in the signature means, without loss. Pure; raises WrongValue."""

import base64
import binascii
import math
import re
import struct
from decimal import Decimal
from typing import Any

from functions.run_model.rows.refusals import WrongValue, shown

NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")
"""A number as JSON spells it: clients that read CSV send numbers as text."""
MAX_DIGITS = 1000
"""Python reads no more than 4,300 digits of a whole number; none of this length fits any type."""
EXACT = 2.0**53
"""From here on a float may stand for several whole numbers."""
WHOLE, NUMERIC = "a whole number", "a number"


def boolean(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.lower() in ("true", "false"):
        return value.lower() == "true"
    raise WrongValue(f"{shown(value)} is not true or false")


def whole_number(value: Any, least: int, most: int) -> int:
    """Within *least* and *most*; a float only where it stands for no other whole number."""
    number = _number(value, WHOLE)
    if isinstance(number, float):
        number = _whole(value, number)
    if not least <= number <= most:
        raise WrongValue(f"{shown(value)} does not fit {_range(least, most)}")
    return number


def _whole(value: Any, number: float) -> int:
    if not number.is_integer() or (isinstance(value, str) and Decimal(value) != Decimal(number)):
        raise WrongValue(f"{shown(value)} is not a whole number")
    if abs(number) >= EXACT:
        raise WrongValue(f"{shown(value)} is too large to be one whole number: send it without point and exponent")
    return int(number)


def _range(least: int, most: int) -> str:
    bits = (most - least).bit_length()
    return f"{bits} bits" if least else f"{bits} bits without sign"


def double(value: Any) -> float:
    return _floating(value, "64", float)


def single(value: Any) -> float:
    """The nearest 32-bit number, as a Python float."""
    return _floating(value, "32", _nearest_single)


def half(value: Any) -> float:
    return _floating(value, "16", _nearest_half)


def _floating(value: Any, bits: str, nearest: Any) -> float:
    number = _number(value, NUMERIC)
    try:
        rounded: float = nearest(float(number))  # struct tells a large whole number by an error of its own
    except OverflowError:
        raise WrongValue(f"{shown(value)} does not fit a {bits}-bit floating-point number") from None
    if isinstance(number, int) and rounded != number:
        raise WrongValue(f"{shown(value)} has no exact {bits}-bit floating-point number")
    return rounded


def _nearest_single(number: float) -> float:
    # Only with an order of bytes does struct look for overflow.
    rounded: float = struct.unpack("<f", struct.pack("<f", number))[0]
    return rounded


def _nearest_half(number: float) -> float:
    rounded: float = struct.unpack("<e", struct.pack("<e", number))[0]
    return rounded


def _number(value: Any, noun: str) -> int | float:
    """The number, or the one that the text spells."""
    if type(value) is int:
        return value
    number = _spelt(value, noun) if isinstance(value, str) else value
    if isinstance(number, bool) or not isinstance(number, int | float):
        raise WrongValue(f"{shown(value)} is not {noun}")
    if not isinstance(number, int) and not math.isfinite(number):
        raise WrongValue(f"{shown(value)} is not a finite number")
    return number


def _spelt(text: str, noun: str) -> int | float:
    found = NUMBER.fullmatch(text)
    if found is None or len(text) > MAX_DIGITS:
        raise WrongValue(f"{shown(text)} is not {noun}")
    return int(text) if found[1] is None and found[2] is None else float(text)


def text(value: Any) -> str:
    if not isinstance(value, str):
        raise WrongValue(f"{shown(value)} is not text: send it in quotes")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise WrongValue(f"{shown(value)} has half of a surrogate pair, which is no character") from None
    return value


def binary(value: Any) -> bytes:
    """Standard base64, with padding; MLflow's own results break its lines."""
    if isinstance(value, str):
        joined = value.replace("\r\n", "").replace("\n", "")
        try:
            found = base64.b64decode(joined, validate=True)
        except (binascii.Error, ValueError):  # ValueError: characters beyond ASCII
            found = b""
        if base64.b64encode(found).decode() == joined:
            return found
    raise WrongValue(f"{shown(value)} is not base64 of the standard alphabet with padding")
