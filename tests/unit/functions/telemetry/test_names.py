import re
from pathlib import Path

from functions.telemetry.names import METRICS, OPERATION, STEPS

DOCUMENT = (Path(__file__).parents[4] / "docs/observability.md").read_text(encoding="utf-8")


def test_no_metric_is_labelled_by_operation_key_or_caller() -> None:
    labels = {label for metric in METRICS for label in metric.labels}
    assert OPERATION not in labels
    assert not [label for label in labels if re.search(r"key|caller|operation|run", label)]


def test_the_document_has_every_metric_with_its_unit_and_labels() -> None:
    rows = re.findall(r"^\| `([\w.]+)` \| (\S+) \| ([^|]*) \|", DOCUMENT, re.MULTILINE)
    documented = {(name, unit, tuple(re.findall(r"`([\w.]+)`", labels))) for name, unit, labels in rows}
    assert documented == {(metric.name, metric.unit, metric.labels) for metric in METRICS}


def test_names_are_used_once() -> None:
    assert len({metric.name for metric in METRICS}) == len(METRICS)
    assert set(STEPS.values()) <= set(METRICS)
