"""What a JSON parser drops without a word: digits of integers beyond 64 bits, and all but the last of equal keys."""

import codecs
import json
from collections.abc import Iterator
from typing import Any

from functions.errors import FieldError, InvalidRequest, cut


def _outline(kept: bytes) -> bytes:
    """A table that makes a 0 of each digit and a space of all else but what is kept."""
    return bytes(ord("0") if byte in b"0123456789" else byte if byte in kept else ord(" ") for byte in range(256))


# Digits behind a point or a quote are no integer.
_UNSIGNED, _SIGNED = _outline(b'."'), _outline(b'."-')
_LONG, _POSITIVE, _NEGATIVE = b" " + b"0" * 19, b" " + b"0" * 20, b"-" + b"0" * 19
"""The fewest digits that may not fit 64 bits: 19 behind a minus, else 20."""


class _Beyond(str):
    """The text of an integer that does not fit 64 bits."""

    __slots__ = ()


def refuse_losses(body: bytes, colons: int, written: int) -> None:
    """Compare the colons of a body with those of what was read from it when that is written again.

    Costs a tenth of parsing; the second, slow look is for bodies that may have lost something.
    Raises InvalidRequest naming each integer beyond 64 bits and each key that stands twice in an object.
    """
    errors = []
    if _may_hold_long_integers(body):
        errors += list(_long_integers(body))
    if colons != written or (b"\\" in body and b"\\u003" in body):  # an escaped colon hides from the count
        errors += list(_repeated_keys(body))
    if errors:
        raise InvalidRequest("The request has values that would be lost; see errors.", errors)


def _may_hold_long_integers(body: bytes) -> bool:
    # From the right, as the byte that tells most of all numbers apart stands on the left.
    if body.translate(_UNSIGNED).rfind(_LONG) < 0:
        return False
    outline = body.translate(_SIGNED)
    return outline.rfind(_NEGATIVE) >= 0 or outline.rfind(_POSITIVE) >= 0


def _long_integers(body: bytes) -> Iterator[FieldError]:
    document = json.loads(_text(body), parse_int=_integer)
    for path, digits in _beyond(document, ""):
        message = f"{cut(digits)} is beyond 64 bits: send a fraction or an exponent with it if a float will do"
        yield FieldError(field=path, message=message)


def _text(body: bytes) -> str:
    return body.removeprefix(codecs.BOM_UTF8).decode()


def _integer(digits: str) -> object:
    fits = len(digits) <= 20 and -(2**63) <= int(digits) < 2**64
    return int(digits) if fits else _Beyond(digits)


def _beyond(value: Any, path: str) -> Iterator[tuple[str, str]]:
    """Path and text of each integer that does not fit."""
    if isinstance(value, _Beyond):
        yield path, value
    elif isinstance(value, dict | list):
        for key, child in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _beyond(child, f"{path}.{cut(str(key))}" if path else str(key))


def _repeated_keys(body: bytes) -> Iterator[FieldError]:
    repeated: dict[str, None] = {}

    def note(pairs: list[tuple[str, Any]]) -> None:
        seen = set()
        for key, _ in pairs:
            if key in seen:
                repeated[key] = None
            seen.add(key)

    json.loads(_text(body), object_pairs_hook=note)
    for key in repeated:
        yield FieldError(field=cut(key), message="stands twice in one object: only one of its values could be meant")
