"""The ids that an Idempotency-Key can stand for."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from functions.predict.idempotency import CLOCK_SKEW_S, belongs_to, new_operation_id, operation_ids

SECRET = b"s" * 32
NOW = datetime(2026, 1, 1, tzinfo=UTC)

MOMENTS = st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))
LIFETIMES = st.integers(3600, 10 * 24 * 3600)


def test_keys_have_ids_of_their_own() -> None:
    ids = operation_ids(SECRET, "", "a", NOW, 86_400)
    assert ids == operation_ids(SECRET, "", "a", NOW, 86_400)
    assert not set(ids) & set(operation_ids(SECRET, "", "b", NOW, 86_400))
    assert all(len(each) == 32 and int(each, 16) >= 0 for each in ids)


def test_key_of_another_caller_or_under_another_secret_is_another_operation() -> None:
    ids = set(operation_ids(SECRET, "key:1", "a", NOW, 86_400))
    assert not ids & set(operation_ids(SECRET, "key:2", "a", NOW, 86_400))
    assert not ids & set(operation_ids(b"t" * 32, "key:1", "a", NOW, 86_400))


def test_id_shows_whose_it_is_to_who_knows_the_secret() -> None:
    for operation_id in (new_operation_id(SECRET, "key:1"), *operation_ids(SECRET, "key:1", "a", NOW, 86_400)):
        assert belongs_to(SECRET, operation_id, "key:1")
        assert not belongs_to(SECRET, operation_id, "key:2")
        assert not belongs_to(b"t" * 32, operation_id, "key:1")
    assert not belongs_to(SECRET, "0" * 32, "key:1")


def test_new_ids_differ() -> None:
    assert len({new_operation_id(SECRET, "key:1")[:20] for _ in range(1000)}) == 1000


@given(begun=MOMENTS, lifetime_s=LIFETIMES, share=st.floats(0, 1, exclude_max=True))
def test_operation_is_found_as_long_as_it_lives(begun: datetime, lifetime_s: int, share: float) -> None:
    new = operation_ids(SECRET, "", "a", begun, lifetime_s)[-1]
    assert new in operation_ids(SECRET, "", "a", begun + timedelta(seconds=lifetime_s * share), lifetime_s)


@given(begun=MOMENTS, lifetime_s=LIFETIMES, behind_s=st.floats(0, CLOCK_SKEW_S - 0.001))
def test_operation_is_found_by_an_instance_whose_clock_is_behind(
    begun: datetime, lifetime_s: int, behind_s: float
) -> None:
    new = operation_ids(SECRET, "", "a", begun, lifetime_s)[-1]
    assert new in operation_ids(SECRET, "", "a", begun - timedelta(seconds=behind_s), lifetime_s)


@given(begun=MOMENTS, lifetime_s=LIFETIMES)
def test_new_operation_never_has_the_id_of_one_that_has_expired(begun: datetime, lifetime_s: int) -> None:
    old = operation_ids(SECRET, "", "a", begun, lifetime_s)[-1]
    assert operation_ids(SECRET, "", "a", begun + timedelta(seconds=lifetime_s + 1), lifetime_s)[-1] != old
