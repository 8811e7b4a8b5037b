import pytest

from functions.telemetry.names import CACHE, DEAD_LETTERS, METRICS, QUEUE_TIME, Metric
from tests.unit.functions.recording import Recording


def test_values_are_recorded_by_label(recorded: Recording) -> None:
    recorded.instruments.count(DEAD_LETTERS, "train")
    recorded.instruments.count(DEAD_LETTERS, "train")
    recorded.instruments.record(QUEUE_TIME, 1.5, {"messaging.destination.name": "train"})
    assert recorded.values(DEAD_LETTERS) == [({"messaging.destination.name": "train"}, 2)]
    assert recorded.values(QUEUE_TIME) == [({"messaging.destination.name": "train"}, 1.5)]


def test_a_label_is_never_left_out(recorded: Recording) -> None:
    with pytest.raises(ValueError, match="zip"):
        recorded.instruments.count(CACHE, "wine")


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)
def test_every_metric_has_an_instrument(recorded: Recording, metric: Metric) -> None:
    if metric.buckets:
        recorded.instruments.record(metric, 1, {})
    else:
        recorded.instruments.count(metric, *metric.labels)
    assert len(recorded.values(metric)) == 1
