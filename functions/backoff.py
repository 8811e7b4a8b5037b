"""How long to wait before the next look or the next try. Pure: no clock, no randomness."""

import math

RETRY_FIRST_S, RETRY_LAST_S = 1.0, 60.0
CHECK_FIRST_S, CHECK_LAST_S = 2.0, 30.0


def retry_delay(attempt: int) -> float:
    """Seconds before try number `attempt` (1 is the first retry): 1, 2, 4 … 60."""
    return min(RETRY_FIRST_S * 2.0 ** min(attempt - 1, 16), RETRY_LAST_S)


def check_delay(run_age: float) -> float:
    """Seconds until the next look at a Databricks run that was started `run_age` seconds ago.

    The looks lie on a grid of the run's age (2, 5, 9.5, 16.25 … with gaps from 2 to 30 seconds), so that all who wait
    for one run look at the same moments and share one status call, whenever each of them came.
    """
    run_age = max(run_age, 0.0)  # their clock may be ahead of ours
    look, gap = 0.0, CHECK_FIRST_S
    while look < run_age + CHECK_FIRST_S / 2:
        if gap >= CHECK_LAST_S:
            look += CHECK_LAST_S * max(1, math.ceil((run_age + CHECK_FIRST_S / 2 - look) / CHECK_LAST_S))
        else:
            look += gap
            gap = min(gap * 1.5, CHECK_LAST_S)
    return look - run_age
