"""When locks are renewed."""

from datetime import UTC, datetime, timedelta

from ondemand.host.servicebus.lock import LockSchedule

START = datetime(2026, 11, 23, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def test_half_way_to_the_end_of_the_lock() -> None:
    schedule = LockSchedule(at(60), timedelta(minutes=10), START)
    assert schedule.due_in(START) == 30
    assert schedule.due_in(at(20)) == 10
    assert schedule.due_in(at(31)) == 0
    schedule.renewed(at(91), at(31))
    assert schedule.due_in(at(31)) == 30


def test_no_renewal_after_the_longest_duration() -> None:
    schedule = LockSchedule(at(60), timedelta(seconds=50), START)
    assert schedule.due_in(START) == 30
    schedule.renewed(at(90), at(30))
    assert schedule.due_in(at(30)) is None


def test_no_renewal_of_a_lost_lock() -> None:
    schedule = LockSchedule(at(60), timedelta(minutes=10), START)
    schedule.abandon()
    assert schedule.due_in(START) is None
