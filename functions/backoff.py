"""How long to wait before the next look or the next try. Pure: no clock, no randomness."""

RETRY_FIRST_S, RETRY_LAST_S = 1.0, 60.0
CHECK_FIRST_S, CHECK_LAST_S = 2.0, 30.0


def retry_delay(attempt: int) -> float:
    """Seconds before try number `attempt` (1 is the first retry): 1, 2, 4 … 60."""
    return min(RETRY_FIRST_S * 2.0 ** min(attempt - 1, 16), RETRY_LAST_S)


def check_delay(checks: int) -> float:
    """Seconds before the next look at a Databricks run that was looked at `checks` times: 2, 2, 3, 4.5 … 30.

    The first two looks stay close together, because what fails at once (a missing notebook) shows within seconds.
    """
    return min(CHECK_FIRST_S * 1.5 ** min(max(checks - 1, 0), 16), CHECK_LAST_S)
