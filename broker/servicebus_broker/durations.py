"""ISO 8601 durations: ``PT1M``, ``P1DT2H``, ``PT0.5S``."""

import re

from servicebus_broker.queues.settings import FOREVER

_DURATION = re.compile(
    r"P(?:(?P<days>\d+)D)?(?:T(?:(?P<hours>\d+)H)?(?:(?P<minutes>\d+)M)?(?:(?P<seconds>\d+(?:\.\d+)?)S)?)?"
)
_SECONDS = {"days": 86_400, "hours": 3_600, "minutes": 60, "seconds": 1}
# .NET's TimeSpan.MaxValue; azure-servicebus sends it back unchanged.
_FOREVER_TEXT = "P10675199DT2H48M5.4775807S"
# Longer durations are near TimeSpan.MaxValue and mean for ever.
_LONGEST = 100 * 365 * 86_400


def parse_duration(text: str) -> float:
    """Seconds of a duration. Raises ValueError."""
    match = _DURATION.fullmatch(text)
    if match is None or text in ("P", "") or text.endswith("T"):
        raise ValueError(f"'{text}' is not an ISO 8601 duration such as PT1M")
    seconds = sum(float(value) * _SECONDS[unit] for unit, value in match.groupdict().items() if value)
    return FOREVER if seconds > _LONGEST else seconds


def write_duration(seconds: float) -> str:
    """The duration of a number of seconds, to the millisecond."""
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
