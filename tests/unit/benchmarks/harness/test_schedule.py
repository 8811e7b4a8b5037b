import pytest

from benchmarks.harness.schedule import arrivals


def test_requests_fall_due_evenly_from_the_start() -> None:
    assert [*arrivals(rate=4, seconds=1)] == [0, 0.25, 0.5, 0.75]


def test_the_moments_do_not_drift() -> None:
    *_, last = arrivals(rate=300, seconds=60)
    assert last == pytest.approx(60 - 1 / 300, abs=1e-9)
