"""The ids that an Idempotency-Key can stand for."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from functions.predict.idempotency import CLOCK_SKEW_S, operation_ids

MOMENTS = st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))
LIFETIMES = st.integers(3600, 10 * 24 * 3600)


def test_keys_have_ids_of_their_own() -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    ids = operation_ids("a", now, 86_400)
    assert ids == operation_ids("a", now, 86_400)
    assert not set(ids) & set(operation_ids("b", now, 86_400))
    assert all(len(each) == 32 and int(each, 16) >= 0 for each in ids)


@given(begun=MOMENTS, lifetime_s=LIFETIMES, share=st.floats(0, 1, exclude_max=True))
def test_operation_is_found_as_long_as_it_lives(begun: datetime, lifetime_s: int, share: float) -> None:
    new = operation_ids("a", begun, lifetime_s)[-1]
    assert new in operation_ids("a", begun + timedelta(seconds=lifetime_s * share), lifetime_s)


@given(begun=MOMENTS, lifetime_s=LIFETIMES, behind_s=st.floats(0, CLOCK_SKEW_S - 0.001))
def test_operation_is_found_by_an_instance_whose_clock_is_behind(
    begun: datetime, lifetime_s: int, behind_s: float
) -> None:
    new = operation_ids("a", begun, lifetime_s)[-1]
    assert new in operation_ids("a", begun - timedelta(seconds=behind_s), lifetime_s)


@given(begun=MOMENTS, lifetime_s=LIFETIMES)
def test_new_operation_never_has_the_id_of_one_that_has_expired(begun: datetime, lifetime_s: int) -> None:
    old = operation_ids("a", begun, lifetime_s)[-1]
    assert operation_ids("a", begun + timedelta(seconds=lifetime_s + 1), lifetime_s)[-1] != old
