"""What a JSON parser drops without a word: digits of integers beyond 64 bits, and all but the last of equal keys."""

import codecs
import json
import re
from collections.abc import Iterator
from itertools import islice
from typing import Any

from functions.errors import MAX_LISTED, FieldError, InvalidRequest, cut


def _outline(kept: bytes) -> bytes:
    """A table that makes a 0 of each digit and a space of all else but what is kept."""
    return bytes(ord("0") if byte in b"0123456789" else byte if byte in kept else ord(" ") for byte in range(256))


# Digits behind a point or a quote are no integer.
_UNSIGNED, _SIGNED = _outline(b'."'), _outline(b'."-')
_LONG, _POSITIVE, _NEGATIVE = b" " + b"0" * 19, b" " + b"0" * 20, b"-" + b"0" * 19
"""The fewest digits that may not fit 64 bits: 19 behind a minus, else 20."""
_DIGITS = re.compile(rb"(?<![0-9.eE+-])-?[0-9]{19,}+(?![.eE])")
_ESCAPED_COLON = re.compile(rb"\\u003[aA]")
_BEYOND = "is beyond 64 bits: send a fraction or an exponent with it if a float will do"
_TWICE = "a key stands twice in one object: only one of its values could be meant"
MAX_NAMED_BYTES = 1024 * 1024
"""Of larger bodies the second look would hold up other requests for seconds."""


class _Beyond(str):
    """The text of an integer that does not fit 64 bits."""

    __slots__ = ()


def refuse_losses(body: bytes, colons: int, written: int) -> None:
    """Compare the colons of a body with those of what was read from it when that is written again.

    Costs a tenth of parsing. Raises InvalidRequest for integers beyond 64 bits and for keys that stand twice in an
    object; a second, slow look gives their places in a body that is small enough.
    """
    long = _may_hold_long_integers(body) and next(_long_integers(body), None) is not None
    repeated = colons + _escaped_colons(body) != written
    if not long and not repeated:
        return
    small = len(body) <= MAX_NAMED_BYTES
    errors: list[FieldError] = []
    if long:
        errors += _long_integers_by_path(body) if small else islice(_long_integers(body), MAX_LISTED)
    if repeated:
        errors += _repeated_keys(body) if small else [FieldError(field="body", message=_TWICE)]
    raise InvalidRequest("The request has values that would be lost; see errors.", errors)


def _escaped_colons(body: bytes) -> int:
    if b"\\u003" not in body:
        return 0
    return len(_ESCAPED_COLON.findall(body.replace(rb"\\", b"")))


def _may_hold_long_integers(body: bytes) -> bool:
    # From the right, as the byte that tells most of all numbers apart stands on the left.
    if body.translate(_UNSIGNED).rfind(_LONG) < 0:
        return False
    outline = body.translate(_SIGNED)
    return outline.rfind(_NEGATIVE) >= 0 or outline.rfind(_POSITIVE) >= 0


def _long_integers(body: bytes) -> Iterator[FieldError]:
    """Each integer beyond 64 bits, by its place in the body."""
    plain = body.replace(rb"\\", b"__").replace(rb"\"", b"__")
    quotes = seen = 0
    for run in _DIGITS.finditer(plain):
        quotes += plain.count(b'"', seen, run.start())
        seen = run.start()
        if quotes % 2 == 0 and not _fits(run[0]):
            digits = cut(run[0].decode())
            yield FieldError(field="body", message=f"at byte {seen}: {digits} {_BEYOND}")


def _long_integers_by_path(body: bytes) -> Iterator[FieldError]:
    document = json.loads(_text(body), parse_int=_integer)
    for path, digits in _beyond(document, ""):
        yield FieldError(field=path, message=f"{cut(digits)} {_BEYOND}")


def _text(body: bytes) -> str:
    return body.removeprefix(codecs.BOM_UTF8).decode()


def _fits(digits: str | bytes) -> bool:
    return len(digits) <= 20 and -(2**63) <= int(digits) < 2**64


def _integer(digits: str) -> object:
    return int(digits) if _fits(digits) else _Beyond(digits)


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
        yield FieldError(field=cut(key), message=_TWICE.removeprefix("a key "))
