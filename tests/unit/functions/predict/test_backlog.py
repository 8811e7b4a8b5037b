"""What is published and not answered."""

import pytest

from functions.errors import TooManyRequests
from functions.predict.backlog import WINDOW_S, Backlog


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def backlog(clock: Clock) -> Backlog:
    return Backlog(max_pending=10_000, max_waiting=100, timeout_s=60, clock=clock)


def publish(backlog: Backlog, caller: str, wanted: int, prefix: str = "") -> int:
    """How many of those wanted were let in."""
    for number in range(wanted):
        try:
            backlog.add(f"{caller}{prefix}{number}", caller)
        except TooManyRequests:
            return number
    return wanted


def answer(backlog: Backlog, clock: Clock, count: int, seconds: float, prefix: str = "a") -> None:
    for number in range(count):
        clock.now += seconds / count
        backlog.answered(f"{prefix}{number}")


def test_burst_is_let_in_while_no_runner_has_answered(backlog: Backlog) -> None:
    assert publish(backlog, "a", 10_000) == 5_000
    assert publish(backlog, "b", 10_000) == 2_500


def test_caller_may_have_what_is_answered_in_time(backlog: Backlog, clock: Clock) -> None:
    publish(backlog, "a", 2_000)
    answer(backlog, clock, 200, seconds=20)  # 10 a second: 600 in a minute for all
    assert publish(backlog, "a", 1, "new") == 0
    assert publish(backlog, "b", 1_000) >= 250 or len(backlog) > 600
    answer(backlog, clock, 1_700, seconds=WINDOW_S)
    assert len(backlog) < 700
    assert publish(backlog, "a", 100, "new") == 100


def test_retry_after_is_the_time_in_which_a_tenth_is_answered(backlog: Backlog, clock: Clock) -> None:
    publish(backlog, "a", 2_200)
    answer(backlog, clock, 200, seconds=20)
    with pytest.raises(TooManyRequests) as refusal:
        backlog.add("new", "a")
    assert refusal.value.retry_after in (20, 21)


def test_slow_runner_never_refuses_as_many_as_may_wait(backlog: Backlog, clock: Clock) -> None:
    publish(backlog, "a", 10)
    answer(backlog, clock, 1, seconds=30)
    assert publish(backlog, "a", 200, "burst") == 91


def test_idle_time_says_nothing_about_the_rate(backlog: Backlog, clock: Clock) -> None:
    publish(backlog, "a", 1)
    answer(backlog, clock, 1, seconds=1)
    clock.now += 3600
    assert publish(backlog, "a", 4_000) == 4_000


def test_answers_that_went_to_another_instance_are_forgotten(backlog: Backlog, clock: Clock) -> None:
    publish(backlog, "a", 5_000)
    clock.now += 61
    backlog.add("next", "a")
    assert len(backlog) == 1


def test_prediction_counts_once(backlog: Backlog) -> None:
    backlog.add("a", "a")
    backlog.add("a", "a")
    assert len(backlog) == 1
    backlog.answered("a")
    backlog.answered("a")
    backlog.answered("unknown")
    assert len(backlog) == 0
