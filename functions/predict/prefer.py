"""The header ``Prefer`` by its grammar (RFC 7240): how long a client will wait, and what it is told about it. Pure."""

import re
from collections.abc import Iterator
from functools import lru_cache

from functions.predict.header_grammar import BLANKS, TCHARS, WORD, text_of

MAX_WAIT_S = 60.0
_PREFERENCE = re.compile(
    rf"{BLANKS}(?P<name>{TCHARS})(?:{BLANKS}={BLANKS}(?P<value>{WORD})?+)?+"
    rf"(?:{BLANKS};{BLANKS}(?:{TCHARS}(?:{BLANKS}={BLANKS}{WORD}?+)?+)?+)*+{BLANKS}(?:,|$)"
)
_ANYTHING = re.compile(r'(?:[^",]|"(?:[^"\\]|\\.)*+"|")*+(?:,|$)')
_SECONDS = re.compile(r"[0-9]+")


class Wait(float):
    """Seconds to wait. ``applied`` is the preference that asks for them, for ``Preference-Applied``."""

    applied: str

    def __new__(cls, seconds: float, applied: str) -> "Wait":
        wait = super().__new__(cls, seconds)
        wait.applied = applied
        return wait


@lru_cache(100)
def preferred_wait(prefer: str | None) -> Wait | None:
    """``wait=N``, at most 60 s; 0 for ``respond-async`` alone; None without either.

    Of a preference that is given more than once the first counts. What is not understood is ignored.
    """
    if prefer is None:
        return None
    preferences: dict[str, str] = {}
    for name, value in _preferences(prefer):
        preferences.setdefault(name, value)
    seconds = preferences.get("wait", "")
    applied = ["respond-async"] if "respond-async" in preferences else []
    if not _SECONDS.fullmatch(seconds):
        return Wait(0.0, *applied) if applied else None
    wait = min(float(seconds), MAX_WAIT_S)
    return Wait(wait, ", ".join([*applied, f"wait={wait:.0f}"]))


def applied(wait: float | None) -> dict[str, str]:
    """The header ``Preference-Applied``, if there was a preference."""
    return {"Preference-Applied": wait.applied} if isinstance(wait, Wait) else {}


def _preferences(header: str) -> Iterator[tuple[str, str]]:
    """Name in lower case and value of each. A member of the list that has another form is left out."""
    start = 0
    while start < len(header):
        found = _PREFERENCE.match(header, start)
        if found is not None:
            yield found["name"].lower(), text_of(found["value"] or "")
        end = found or _ANYTHING.match(header, start)
        start = end.end() if end is not None else len(header)
