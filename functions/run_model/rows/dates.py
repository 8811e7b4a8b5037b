"""ISO 8601 text with one reading, to nanoseconds since 1970 in UTC. Pure."""

import re
from datetime import date
from typing import Any

from functions.run_model.rows.refusals import WrongValue, shown

FORM = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})"
    r"(?:[T ]([0-9]{2}):([0-9]{2})(?::([0-9]{2})(?:\.([0-9]{1,9}))?)?(Z|[+-][0-9]{2}:?[0-9]{2})?)?"
)
EPOCH = date(1970, 1, 1).toordinal()
SECONDS_A_DAY = 86_400
LIMIT = 2**63 - 1
"""numpy keeps the least 64-bit number for NaT."""


def nanoseconds(value: Any) -> int:
    """Raises WrongValue for whatever is no such text, no such date, or beyond datetime64[ns]."""
    found = FORM.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise WrongValue(f"{shown(value)} is not a date and time as ISO 8601 has it, as 2024-01-02T03:04:05Z")
    year, month, day, hour, minute, second, fraction, zone = found.groups()
    seconds = _days(value, year, month, day) * SECONDS_A_DAY
    seconds += _clock(value, hour or "0", minute or "0", second or "0") - _offset(value, zone)
    total = seconds * 10**9 + int((fraction or "").ljust(9, "0"))
    if not -LIMIT <= total <= LIMIT:
        raise WrongValue(f"{shown(value)} is outside of what fits 64 bits of nanoseconds: 1677-09-21 to 2262-04-11")
    return total


def _days(value: str, year: str, month: str, day: str) -> int:
    try:
        return date(int(year), int(month), int(day)).toordinal() - EPOCH
    except ValueError:
        raise WrongValue(f"{shown(value)} is no date of the calendar") from None


def _clock(value: str, hour: str, minute: str, second: str) -> int:
    if int(hour) > 23 or int(minute) > 59 or int(second) > 59:
        raise WrongValue(f"{shown(value)} has no time of the day")
    return int(hour) * 3600 + int(minute) * 60 + int(second)


def _offset(value: str, zone: str | None) -> int:
    """Seconds that the zone is ahead of UTC."""
    if zone is None or zone == "Z":
        return 0
    hours, minutes = int(zone[1:3]), int(zone[-2:])
    if hours > 23 or minutes > 59:
        raise WrongValue(f"{shown(value)} has no offset from UTC that can be")
    return (hours * 3600 + minutes * 60) * (-1 if zone[0] == "-" else 1)
