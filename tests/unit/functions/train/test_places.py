"""Quotas of trainings, by given times and figures."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from functions.errors import TooManyTrainings
from functions.train.places import (
    CLOCK_SKEW,
    DAY,
    EXPECTED_S,
    HOUR,
    SOONEST_S,
    EndedRun,
    Place,
    Places,
    Quota,
    check_all,
)

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)


def ago(seconds: float) -> datetime:
    return NOW - timedelta(seconds=seconds)


def place(number: int = 1, claimed: float = 0, ended: float | None = None, run: int | None = 7) -> Place:
    """A place that was claimed and ended so many seconds ago."""
    return Place(
        key="k",
        token=f"t{number}",
        model_type="wine",
        caller="",
        claimed_at=ago(claimed),
        until=ago(claimed) + HOUR,
        databricks_run_id=run,
        ended_at=None if ended is None else ago(ended),
    )


def every(place: Place) -> bool:
    return True


def quota(limit: int, window: timedelta | None = None, counts: Callable[[Place], bool] = every) -> Quota:
    return Quota(limit, "models.wine.trainings.per_hour", counts, "Your trainings", window)


def refusal(quotas: list[Quota], *places: Place) -> TooManyTrainings:
    with pytest.raises(TooManyTrainings) as raised:
        check_all(quotas, Places(places=places), NOW)
    return raised.value


def test_refusal_names_figure_setting_and_time() -> None:
    error = refusal([quota(2, HOUR)], place(1, 3000, 2900), place(2, 600))
    assert error.detail == (
        "Your trainings: 2 of 2 (models.wine.trainings.per_hour). The next training may start in about 10 min."
    )
    assert (error.status, error.retry_after) == (429, 600)


def test_trainings_leave_a_window() -> None:
    check_all([quota(2, HOUR)], Places(places=(place(1, 3600), place(2, 600))), NOW)
    assert refusal([quota(1, DAY)], place(1, 3600)).retry_after == 23 * 3600


def test_only_what_a_quota_counts_uses_it() -> None:
    check_all([quota(1, HOUR, lambda each: each.caller == "other")], Places(places=(place(),)), NOW)


def test_more_trainings_than_a_lowered_limit_have_to_leave() -> None:
    assert refusal([quota(1, HOUR)], place(1, 3000), place(2, 600)).retry_after == 3000


def test_claim_by_a_clock_ahead_leaves_the_window_too() -> None:
    assert refusal([quota(1, HOUR)], place(1, -7200)).retry_after == 3600


def test_places_at_once_are_those_of_runs_that_have_not_ended() -> None:
    running, ended, over = place(1, 20), place(2, 60, 10), place(3, 3700)
    check_all([quota(2)], Places(places=(running, ended, over)), NOW)
    assert refusal([quota(1)], running, ended, over).retry_after == 50 - 20  # one that ended took 50 s


def test_a_place_of_a_long_training_is_expected_soon() -> None:
    assert refusal([quota(1)], place(1, 60), place(2, 60, 10)).retry_after == SOONEST_S


def test_a_place_is_expected_when_nothing_is_known_yet() -> None:
    assert refusal([quota(1)], place(1, 1)).retry_after == EXPECTED_S


def test_the_longest_wait_is_told() -> None:
    assert refusal([quota(1), quota(1, DAY), quota(1, HOUR)], place(1, 60)).retry_after == 24 * 3600 - 60


@pytest.mark.parametrize(
    ("before", "ended", "after"),
    [
        (place(claimed=60), 10, "ended"),
        (place(claimed=60, run=None), 10, "ended"),
        (place(claimed=60, run=None), 61, "same"),  # the run of an earlier token
        (place(claimed=60, run=8), 10, "same"),
        (place(claimed=60, ended=20), 10, "same"),
        (place(claimed=60), 61, "ended"),  # within the clock skew
        (place(claimed=60), 61 + CLOCK_SKEW.total_seconds(), "none"),  # the submission was that of an old run
    ],
)
def test_end_of_a_run(before: Place, ended: float, after: str) -> None:
    changed = EndedRun("k", 7, ago(ended)).applied_to(before)
    expected = {
        "ended": before.model_copy(update={"databricks_run_id": 7, "ended_at": ago(ended)}),
        "same": before,
        "none": None,
    }
    assert changed == expected[after]


def test_end_of_a_run_concerns_its_own_key() -> None:
    other = place(claimed=60, run=None)
    assert EndedRun("other", 7, ago(10)).applied_to(other) == other


@pytest.mark.parametrize(
    ("known", "token", "accepted", "needs_none"),
    [
        (place(1, 60), "t1", 0, True),  # its own place
        (place(1, 60), "t2", 0, True),  # the run that is running
        (place(1, 60, run=None), "t1", 0, True),  # claimed, and the process died
        (place(1, 7200, run=None), "t1", 0, False),  # long ago
        (place(1, 60, 10), "t2", 20, True),  # a run that ended meanwhile
        (place(1, 60, 10), "t2", 5, False),
        (place(1, 60, 10), "t1", 5, True),  # its token was submitted: the same run
    ],
)
def test_who_needs_no_other_place(known: Place, token: str, accepted: float, needs_none: bool) -> None:
    places = Places(places=(known,))
    assert places.has_one_for("k", token, ago(accepted), NOW) is needs_none
    assert not places.has_one_for("other", token, ago(accepted), NOW)


def test_what_counts_no_longer_is_forgotten() -> None:
    running = place(1, 60).model_copy(update={"claimed_at": ago(90_000)})
    places = Places(places=(running, place(2, 90_000, 80_000), place(3, 60, 10), place(4, 400, run=None)))
    assert [each.token for each in places.counted("t4", NOW).places] == ["t1", "t3"]
