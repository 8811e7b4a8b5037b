from benchmarks.own.training import polls
from functions.backoff import next_poll


def test_polls_are_told_apart_by_the_age_of_the_run() -> None:
    _, first = next_poll(0)
    _, gap = next_poll(first)
    assert polls([first, first + gap / 2, first + gap, 100]) == {2, 3, next_poll(100)[0]}


def test_calls_long_after_a_look_are_of_that_look() -> None:
    assert len(polls([50, 55, 60, 65])) == 1
