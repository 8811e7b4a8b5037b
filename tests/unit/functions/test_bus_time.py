"""The time on the message bus, as its messages tell it."""

from contextvars import copy_context
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from functions.bus_time import REMEMBERED_S, BusTime
from functions.contracts import utc_now

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


@dataclass
class Elapsed:
    seconds: float = 1000.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def elapsed() -> Elapsed:
    return Elapsed()


@pytest.fixture
def bus_time(elapsed: Elapsed) -> BusTime:
    return BusTime(elapsed)


def at(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def test_own_clock_serves_until_a_message_was_seen(bus_time: BusTime) -> None:
    bus_time.observe(None)
    before = utc_now()
    assert before <= bus_time.now() <= utc_now()


def test_time_goes_on_from_the_last_message(bus_time: BusTime, elapsed: Elapsed) -> None:
    """Whatever the clock of this host says."""
    bus_time.observe(NOON)
    elapsed.seconds += 7
    assert bus_time.now() == at(7)


def test_message_that_waited_in_the_queue_does_not_set_the_time_back(bus_time: BusTime, elapsed: Elapsed) -> None:
    bus_time.observe(NOON)
    elapsed.seconds += 10
    bus_time.observe(at(-600))
    assert bus_time.now() == at(10)
    bus_time.observe(at(12))
    assert bus_time.now() == at(12)


def test_bus_whose_clock_was_set_back_is_believed_after_two_minutes(bus_time: BusTime, elapsed: Elapsed) -> None:
    bus_time.observe(NOON)
    for _ in range(2):
        elapsed.seconds += REMEMBERED_S
        bus_time.observe(at(elapsed.seconds - 1000 - 3600))
    assert bus_time.now() == at(2 * REMEMBERED_S - 3600)


def test_what_follows_from_a_message_is_scheduled_by_it_alone(bus_time: BusTime, elapsed: Elapsed) -> None:
    """By a bus whose clock was set back an hour, the next message must not wait an hour."""
    bus_time.observe(NOON)
    elapsed.seconds += 1
    bus_time.observe(at(-3600))
    elapsed.seconds += 2
    assert (bus_time.of_message(), bus_time.now()) == (at(-3598), at(3))


def test_messages_of_other_handlers_do_not_count(bus_time: BusTime) -> None:
    copy_context().run(bus_time.observe, at(-3600))
    bus_time.observe(NOON)
    copy_context().run(bus_time.observe, at(-7200))
    assert bus_time.of_message() == NOON


def test_quiet_queue_does_not_forget_the_time(bus_time: BusTime, elapsed: Elapsed) -> None:
    bus_time.observe(NOON)
    elapsed.seconds += 10 * REMEMBERED_S
    assert bus_time.now() == at(10 * REMEMBERED_S)


def test_time_without_zone_is_utc(bus_time: BusTime) -> None:
    bus_time.observe(NOON.replace(tzinfo=None))
    assert bus_time.now() == NOON
