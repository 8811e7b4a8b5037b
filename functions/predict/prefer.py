"""The header ``Prefer`` by its grammar (RFC 7240): how long a client will wait, and what it is told about it. Pure."""

import re
from collections.abc import Iterator

MAX_WAIT_S = 60.0
_TCHARS = r"[!#$%&'*+.^_`|~0-9A-Za-z-]++"
_WORD = rf'(?:{_TCHARS}|"(?:[^"\\]|\\.)*+")'
# No quantifier gives back what it took, so a long header takes no longer than its length.
_PREFERENCE = re.compile(
    rf"[ \t]*+(?P<name>{_TCHARS})(?:[ \t]*+=[ \t]*+(?P<value>{_WORD})?+)?+"
    rf"(?:[ \t]*+;[ \t]*+(?:{_TCHARS}(?:[ \t]*+=[ \t]*+{_WORD}?+)?+)?+)*+[ \t]*+(?:,|$)"
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
            yield found["name"].lower(), _text(found["value"] or "")
        end = found or _ANYTHING.match(header, start)
        start = end.end() if end is not None else len(header)


def _text(word: str) -> str:
    return re.sub(r"\\(.)", r"\1", word[1:-1]) if word.startswith('"') else word
