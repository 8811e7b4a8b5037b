"""How values of properties are read and written: durations, sizes, numbers, flags."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from local.broker.config import parse_duration
from local.broker.queues.settings import FOREVER, EntityStatus

T = TypeVar("T")

# .NET's TimeSpan.MaxValue; azure-servicebus takes some care to send it back as it was.
_FOREVER_TEXT = "P10675199DT2H48M5.4775807S"
_SCHEME_AND_HOST = re.compile(r"[a-z]+://[^/]*/", re.IGNORECASE)
_MOST_DIGITS = 20


@dataclass(frozen=True)
class Form(Generic[T]):
    """A kind of value: ``read`` raises ValueError, saying what the text has to be."""

    read: Callable[[str], T]
    write: Callable[[T], str]


def duration(shortest: float, longest: float = FOREVER) -> Form[float]:
    """Seconds, as ISO 8601 has them."""

    def read(text: str) -> float:
        seconds = parse_duration(text)
        if not shortest <= seconds <= longest:
            most = "" if longest == FOREVER else f" and at most {write_duration(longest)}"
            raise ValueError(f"it has to be at least {write_duration(shortest)}{most}, not '{text}'")
        return seconds

    return Form(read, write_duration)


def integer(smallest: int, largest: int, unit: int = 1) -> Form[int]:
    """Integers; what is read is in multiples of ``unit``."""

    def read(text: str) -> int:
        number = int(text) if text.isdecimal() and len(text) <= _MOST_DIGITS else None
        if number is None or not smallest <= number <= largest:
            raise ValueError(f"it has to be an integer from {smallest} to {largest}, not '{text}'")
        return number * unit

    return Form(read, lambda number: str(number // unit))


def flag() -> Form[bool]:
    """``true`` or ``false``."""

    def read(text: str) -> bool:
        value = {"true": True, "1": True, "false": False, "0": False}.get(text.lower())
        if value is None:
            raise ValueError(f"it has to be true or false, not '{text}'")
        return value

    return Form(read, lambda value: "true" if value else "false")


def status() -> Form[EntityStatus]:
    """What may be done with an entity."""

    def read(text: str) -> EntityStatus:
        if text not in (names := [each.value for each in EntityStatus]):
            raise ValueError(f"it has to be one of {', '.join(names)}, not '{text}'")
        return EntityStatus(text)

    return Form(read, lambda value: value.value)


def entity_path() -> Form[str | None]:
    """The name of an entity, which may come with the address of its namespace; empty for none."""

    def read(text: str) -> str | None:
        return _SCHEME_AND_HOST.sub("", text, count=1).strip("/") or None

    return Form(read, lambda path: path or "")


def text_up_to(longest: int) -> Form[str]:
    """Text of a length."""

    def read(text: str) -> str:
        if len(text) > longest:
            raise ValueError(f"it has to have at most {longest} characters, not {len(text)}")
        return text

    return Form(read, str)


def write_duration(seconds: float) -> str:
    """A duration as ISO 8601 has it: ``PT1M``, ``P1DT2H``, ``PT0.5S``."""
    if seconds == FOREVER:
        return _FOREVER_TEXT
    whole, milliseconds = divmod(round(seconds * 1000), 1000)
    minutes, whole = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    fraction = f".{milliseconds:03}".rstrip("0") if milliseconds else ""
    time = "".join(f"{value}{unit}" for value, unit in ((hours, "H"), (minutes, "M")) if value)
    if whole or milliseconds or not (time or days):
        time += f"{whole}{fraction}S"
    return "P" + (f"{days}D" if days else "") + (f"T{time}" if time else "")
