"""The instruments of OpenTelemetry for our metrics."""

from collections.abc import Collection, Mapping

from opentelemetry.metrics import Counter, Histogram, Meter

from functions.telemetry.names import METRICS, MODEL_TYPE, Metric

OTHER = "other"
"""The model type of a message that names none of the catalog, and an error that is none of ours."""


class Instruments:
    """Records values. ``model_types`` are those of the catalog: a message may name any, and a label may not."""

    def __init__(self, meter: Meter, model_types: Collection[str]) -> None:
        self._model_types = frozenset(model_types)
        self._histograms = {metric: _histogram(meter, metric) for metric in METRICS if metric.buckets}
        self._counters = {metric: _counter(meter, metric) for metric in METRICS if not metric.buckets}

    def known(self, model_type: str | None) -> str:
        """The model type as a label."""
        return model_type if model_type in self._model_types and model_type is not None else OTHER

    def record(self, metric: Metric, value: float, labels: Mapping[str, str | int]) -> None:
        self._histograms[metric].record(value, labels)

    def count(self, metric: Metric, *values: str) -> None:
        """One more, with a value for each label."""
        labels = dict(zip(metric.labels, values, strict=True))
        if MODEL_TYPE in labels:
            labels[MODEL_TYPE] = self.known(labels[MODEL_TYPE])
        self._counters[metric].add(1, labels)


def _histogram(meter: Meter, metric: Metric) -> Histogram:
    return meter.create_histogram(
        metric.name, metric.unit, metric.description, explicit_bucket_boundaries_advisory=metric.buckets
    )


def _counter(meter: Meter, metric: Metric) -> Counter:
    return meter.create_counter(metric.name, metric.unit, metric.description)
