"""The process's clock, while somebody sets the machine's."""

import time

import pytest

from servicebus_broker.clock import SystemClock

REAL = time.time


def set_clock(monkeypatch: pytest.MonkeyPatch, ahead: float) -> None:
    monkeypatch.setattr(time, "time", lambda: REAL() + ahead)


def test_it_shows_the_machines_time_at_first() -> None:
    clock = SystemClock()
    assert clock() == pytest.approx(time.time(), abs=5)
    assert clock.to_wall(1000.0) == clock.from_wall(1000.0) == 1000.0


@pytest.mark.parametrize("ahead", [-86_400.0, 86_400.0])
def test_it_does_not_follow_and_converts(monkeypatch: pytest.MonkeyPatch, ahead: float) -> None:
    clock = SystemClock()
    before = clock()
    set_clock(monkeypatch, ahead)
    assert 0 <= clock() - before < 3600
    assert clock.to_wall(before) - before == pytest.approx(ahead, abs=5)
    assert clock.from_wall(clock.to_wall(before)) == pytest.approx(before)
    assert clock.told_until(before) - before == pytest.approx(max(0, ahead), abs=5)


def test_the_shown_time_of_a_moment_does_not_waver() -> None:
    clock = SystemClock()
    assert {clock.to_wall(1000.0) for _ in range(1000)} == {1000.0}


def test_it_continues_a_former_process_whose_clock_was_ahead() -> None:
    clock = SystemClock()
    later = clock() + 3600
    clock.not_before(later)
    assert later <= clock() < later + 3600
    assert clock.to_wall(clock()) == pytest.approx(time.time(), abs=5)
    assert clock.told_until(clock()) == pytest.approx(time.time(), abs=5)
    clock.not_before(later - 1800)
    assert clock() >= later
