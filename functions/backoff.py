"""How long to wait before the next poll or the next try. Pure: no clock, no randomness."""

import math

RETRY_FIRST_S, RETRY_LAST_S = 1.0, 60.0
POLL_FIRST_S, POLL_LAST_S = 1.5, 30.0
EARLY_S = 0.25
"""Tolerance for clock skew: a check that arrives up to 0.25 s early still counts as that poll."""


def retry_delay(attempt: int) -> float:
    """Seconds before try number `attempt` (1 is the first retry): 1, 2, 4 … 60."""
    return min(RETRY_FIRST_S * 2.0 ** min(attempt - 1, 16), RETRY_LAST_S)


def shortest_gap(checks: int) -> float:
    """Seconds that a command waits at least after its check of this number: half the gap before a poll of that number.

    By right clocks `next_poll` gives more. It gives the first gap again and again while a run seems not to have
    started, because the clock of Databricks is ahead.
    """
    return min(POLL_FIRST_S * 1.5 ** min(checks, 16), POLL_LAST_S) / 2 if checks else 0.0


def next_poll(run_age: float) -> tuple[int, float]:
    """The number of the next poll of a Databricks run that was started `run_age` seconds ago, and seconds until then.

    The polls lie on a grid of the run's age (1.5, 3.75, 7.1, 12.2 … with gaps up to 30 seconds). So commands that wait
    for one run poll at the same moments and share a status call, although they came at different times.
    """
    run_age = max(run_age, 0.0) + EARLY_S  # another clock may be ahead of ours
    poll, gap, number = POLL_FIRST_S, POLL_FIRST_S, 1
    while poll <= run_age and gap < POLL_LAST_S:
        gap = min(gap * 1.5, POLL_LAST_S)
        poll, number = poll + gap, number + 1
    if poll <= run_age:
        skipped = math.floor((run_age - poll) / POLL_LAST_S) + 1
        poll, number = poll + skipped * POLL_LAST_S, number + skipped
    return number, poll - run_age + EARLY_S
