"""Dates of a column."""

from mlflow.types import ColSpec

from tests.unit.functions.run_model.rows.models import read, signature


def test_dates_of_different_forms_in_one_column() -> None:
    of = signature(ColSpec("datetime", "t"))
    found = read(of, [{"t": "2024-01-02"}, {"t": "2024-01-03T10:00:00"}, {"t": "2024-01-02T23:04:05-01:00"}])
    assert found["t"].dt.strftime("%FT%T").tolist() == [
        "2024-01-02T00:00:00",
        "2024-01-03T10:00:00",
        "2024-01-03T00:04:05",
    ]
