"""How property values are read from text and written: durations, sizes, numbers, flags."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from servicebus_broker.durations import parse_duration, write_duration
from servicebus_broker.queues.settings import FOREVER, EntityStatus

T = TypeVar("T")

_SCHEME_AND_HOST = re.compile(r"[a-z]+://[^/]*/", re.IGNORECASE)
_MOST_DIGITS = 20


@dataclass(frozen=True)
class Form(Generic[T]):
    """A kind of value: ``read`` raises ValueError, whose message says which text it takes.

    ``json_type`` is the type in the emulator's file; ``str`` means that the file has the text to read.
    """

    read: Callable[[str], T]
    write: Callable[[T], str]
    json_type: type = str


def duration(shortest: float, longest: float = FOREVER) -> Form[float]:
    """Seconds, as an ISO 8601 duration."""

    def read(text: str) -> float:
        seconds = parse_duration(text)
        if not shortest <= seconds <= longest:
            most = "" if longest == FOREVER else f" and at most {write_duration(longest)}"
            raise ValueError(f"it has to be at least {write_duration(shortest)}{most}, not '{text}'")
        return seconds

    return Form(read, write_duration)


def integer(smallest: int, largest: int, unit: int = 1) -> Form[int]:
    """Integers; the text counts in multiples of ``unit``."""

    def read(text: str) -> int:
        number = int(text) if text.isdecimal() and len(text) <= _MOST_DIGITS else None
        if number is None or not smallest <= number <= largest:
            raise ValueError(f"it has to be an integer from {smallest} to {largest}, not '{text}'")
        return number * unit

    return Form(read, lambda number: str(number // unit), int)


def flag() -> Form[bool]:
    """``true`` or ``false``."""

    def read(text: str) -> bool:
        value = {"true": True, "1": True, "false": False, "0": False}.get(text.lower())
        if value is None:
            raise ValueError(f"it has to be true or false, not '{text}'")
        return value

    return Form(read, lambda value: "true" if value else "false", bool)


def status() -> Form[EntityStatus]:
    """The status of an entity."""

    def read(text: str) -> EntityStatus:
        if text not in (names := [each.value for each in EntityStatus]):
            raise ValueError(f"it has to be one of {', '.join(names)}, not '{text}'")
        return EntityStatus(text)

    return Form(read, lambda value: value.value)


def entity_path() -> Form[str | None]:
    """The name of an entity, maybe with the address of its namespace; empty for none."""

    def read(text: str) -> str | None:
        return _SCHEME_AND_HOST.sub("", text, count=1).strip("/") or None

    return Form(read, lambda path: path or "")


def text_up_to(longest: int) -> Form[str]:
    """Text up to a length."""

    def read(text: str) -> str:
        if len(text) > longest:
            raise ValueError(f"it has to have at most {longest} characters, not {len(text)}")
        return text

    return Form(read, str)
