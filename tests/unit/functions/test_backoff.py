from hypothesis import given
from hypothesis import strategies as st

from functions.backoff import CHECK_FIRST_S, CHECK_LAST_S, RETRY_LAST_S, check_delay, retry_delay


def test_retries_back_off_to_a_limit() -> None:
    assert [retry_delay(attempt) for attempt in (1, 2, 3, 4)] == [1, 2, 4, 8]
    assert retry_delay(10_000) == RETRY_LAST_S


def test_looks_at_a_run_get_rarer() -> None:
    age, gaps = 0.0, []
    for _ in range(12):
        gaps.append(check_delay(age))
        age += gaps[-1]
    assert gaps[:3] == [2, 3, 4.5]
    assert gaps == sorted(gaps)
    assert gaps[-1] == CHECK_LAST_S


@given(st.floats(min_value=-5, max_value=100_000))
def test_the_next_look_is_neither_at_once_nor_late(age: float) -> None:
    assert CHECK_FIRST_S / 2 <= check_delay(age) <= CHECK_LAST_S + CHECK_FIRST_S + 5


@given(st.floats(min_value=0, max_value=20_000), st.floats(min_value=0, max_value=0.9))
def test_all_who_wait_look_at_the_same_moments(age: float, later: float) -> None:
    """Whoever asks a little later looks at the same point of the run's age, or at the next one."""
    first, second = age + check_delay(age), age + later + check_delay(age + later)
    assert abs(first - second) < 1e-6 or second > first + 1
