import pytest

from benchmarks.harness.distribution import Latency, Spread, percentile


@pytest.mark.parametrize(
    ("percent", "expected"), [(0, 1), (1, 1), (50, 50), (90, 90), (99, 99), (99.9, 100), (100, 100)]
)
def test_a_percentile_is_the_smallest_value_that_so_many_do_not_exceed(percent: float, expected: float) -> None:
    assert percentile([float(value) for value in range(1, 101)], percent) == expected


@pytest.mark.parametrize("thousands", range(1, 30))
def test_the_99_9th_percentile_leaves_one_of_each_thousand_out(thousands: int) -> None:
    """99.9 is no binary number: rounded the wrong way, one more would be left in."""
    count = 1000 * thousands
    assert percentile([float(value) for value in range(1, count + 1)], 99.9) == count - thousands


def test_one_value_is_every_percentile() -> None:
    assert percentile([7.0], 50) == percentile([7.0], 99.9) == 7


def test_no_values_have_no_percentile() -> None:
    with pytest.raises(ValueError, match="no values"):
        percentile([], 50)


def test_no_request_is_left_out_of_a_latency() -> None:
    latency = Latency.of([0.001] * 97 + [0.2, 0.201, 3.0])

    assert latency.count == 100
    assert latency.p50 == latency.p90 == 1
    assert latency.p99 == pytest.approx(201)
    assert latency.max == 3000
    assert latency.stalls == 2  # 200 ms is none yet


def test_a_spread_is_median_and_range_in_any_order() -> None:
    assert Spread.of([3.0, 1.0, 2.0, 10.0]) == Spread(median=2.5, low=1, high=10)
