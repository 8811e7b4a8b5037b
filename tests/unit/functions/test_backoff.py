import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.backoff import EARLY_S, POLL_LAST_S, RETRY_LAST_S, next_poll, retry_delay, shortest_gap


def test_retries_back_off_to_a_limit() -> None:
    assert [retry_delay(attempt) for attempt in (1, 2, 3, 4)] == [1, 2, 4, 8]
    assert retry_delay(10_000) == RETRY_LAST_S


def test_looks_at_a_run_get_rarer() -> None:
    age, numbers, gaps = 0.0, [], []
    for _ in range(12):
        number, delay = next_poll(age)
        numbers.append(number)
        gaps.append(delay)
        age += delay
    assert gaps[:3] == [1.5, 2.25, 3.375]
    assert gaps == sorted(gaps)
    assert gaps[-1] == POLL_LAST_S
    assert numbers == list(range(1, 13))


@given(st.floats(min_value=-5, max_value=100_000))
def test_the_next_poll_is_neither_at_once_nor_late(age: float) -> None:
    assert EARLY_S / 2 < next_poll(age)[1] <= POLL_LAST_S + EARLY_S


@given(st.floats(min_value=0, max_value=20_000), st.floats(min_value=0, max_value=100))
def test_all_who_wait_look_at_the_same_moments(age: float, later: float) -> None:
    (first, delay), (second, later_delay) = next_poll(age), next_poll(age + later)
    if first == second:
        assert age + delay == pytest.approx(age + later + later_delay)
    else:
        assert first < second
        assert age + delay < age + later + later_delay


@given(st.floats(min_value=0, max_value=20_000), st.floats(min_value=-EARLY_S, max_value=1))
def test_a_message_that_comes_a_little_early_or_late_is_for_its_look(age: float, late: float) -> None:
    """What the look finds is not what was found for the look before."""
    number, delay = next_poll(age)
    assert next_poll(age + delay + late + 1e-6)[0] == number + 1


@given(st.floats(min_value=0, max_value=20_000), st.integers(min_value=0, max_value=50))
def test_by_right_clocks_the_shortest_gap_delays_no_poll(age: float, checks: int) -> None:
    """A command checks as often as the run is polled, or less often."""
    for number in range(checks):
        delay = next_poll(age)[1]
        assert number == 0 or delay >= shortest_gap(number)
        age += delay
