"""``functionTimeout`` of the Functions host, which no handler may come near.

At that time the host does not end one invocation but kills the whole worker: every other one in it fails, and its
message is delivered again. So each handler has limits that add up to less, and each limit an error of its own.
"""

import asyncio
import json
import math
import os
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from functions.errors import Unavailable
from functions.settings import SettingsError

HANDLER_LIMIT_S = 300.0
"""Of a handler whose calls have no limit together: a training's polls and places, dead letters."""
STORE_CALL_S = 45.0
"""One call of the operation store with its two retries, and the wait for others' calls."""
OVERRIDE = "AzureFunctionsJobHost__functionTimeout"
HOST_JSON = Path(__file__).parents[1] / "host.json"
DEFAULT = "00:30:00"
"""In a container, where host.json says nothing."""
_TIME = re.compile(r"(?:(\d+)\.)?(\d+):(\d\d):(\d\d(?:\.\d+)?)")
"""As .NET writes a time: days, a dot, hours, minutes and seconds."""


def function_timeout_s(environ: Mapping[str, str] = os.environ, host_json: Path = HOST_JSON) -> float:
    """``functionTimeout`` of host.json, or of the environment variable that overrides it; -1 is no limit.

    Raises SettingsError for what is no time.
    """
    overrides = (value for name, value in environ.items() if name.lower() == OVERRIDE.lower())
    given = next(overrides, None) or json.loads(host_json.read_text("utf-8")).get("functionTimeout", DEFAULT)
    if str(given) == "-1":
        return math.inf
    if (time := _TIME.fullmatch(str(given))) is None:
        raise SettingsError(f"functionTimeout of host.json: {given!r} is no time such as {DEFAULT}, nor -1")
    days, hours, minutes, seconds = (float(part or 0) for part in time.groups())
    return ((days * 24 + hours) * 60 + minutes) * 60 + seconds


def check_time_limits(limits: Mapping[str, float], timeout_s: float | None = None) -> None:
    """Raises SettingsError where the *limits* of one handler, by what they are for, add up to ``functionTimeout``."""
    timeout_s = function_timeout_s() if timeout_s is None else timeout_s
    longest = sum(limits.values())
    if longest >= timeout_s:
        parts = ", ".join(f"{name} {seconds:g} s" for name, seconds in limits.items())
        raise SettingsError(
            f"functionTimeout of host.json is {timeout_s:g} s, and one message may take {longest:g} s ({parts}):"
            " raise functionTimeout, or lower the settings among these"
        )


@asynccontextmanager
async def limited() -> AsyncIterator[None]:
    """Raises Unavailable after `HANDLER_LIMIT_S`."""
    try:
        async with asyncio.timeout(HANDLER_LIMIT_S) as limit:
            yield
    except TimeoutError as error:
        if not limit.expired():
            raise
        raise Unavailable(f"This was not done within {HANDLER_LIMIT_S:g} s.") from error
