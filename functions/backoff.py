"""How long to wait before the next look or the next try. Pure: no clock, no randomness."""

import math

RETRY_FIRST_S, RETRY_LAST_S = 1.0, 60.0
LOOK_FIRST_S, LOOK_LAST_S = 1.5, 30.0
EARLY_S = 0.25
"""A message for a look that comes this much too early, by a clock that differs, is for that look."""


def retry_delay(attempt: int) -> float:
    """Seconds before try number `attempt` (1 is the first retry): 1, 2, 4 … 60."""
    return min(RETRY_FIRST_S * 2.0 ** min(attempt - 1, 16), RETRY_LAST_S)


def next_look(run_age: float) -> tuple[int, float]:
    """The number of the next look at a Databricks run that was started `run_age` seconds ago, and seconds until then.

    The looks lie on a grid of the run's age (1.5, 3.75, 7.1, 12.2 … with gaps up to 30 seconds), so that all who wait
    for one run look at the same moments and can share one status call, whenever each of them came.
    """
    run_age = max(run_age, 0.0) + EARLY_S  # their clock may be ahead of ours
    look, gap, number = LOOK_FIRST_S, LOOK_FIRST_S, 1
    while look <= run_age and gap < LOOK_LAST_S:
        gap = min(gap * 1.5, LOOK_LAST_S)
        look, number = look + gap, number + 1
    if look <= run_age:
        skipped = math.floor((run_age - look) / LOOK_LAST_S) + 1
        look, number = look + skipped * LOOK_LAST_S, number + skipped
    return number, look - run_age + EARLY_S
