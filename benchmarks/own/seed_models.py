"""Thousands of models in seconds: copies of a trained one, written straight into MLflow's database.

Logging 20,000 models through the API would take hours. The copies share the artifact of the one they are made from, and
differ in a hyper-parameter. The tables are those of the MLflow version that is pinned. No server may run meanwhile.
"""

import sqlite3
import uuid
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path

from functions.parameters import canonical_text, training_key
from functions.run_model.lookup import KEY_TAG

Row = dict[str, object]
FIRST_ALPHA = 1.0
"""No model that the benchmark trains has an alpha from here on."""


def parameters_of(number: int, l1_ratio: float) -> dict[str, float]:
    """The hyper-parameters of a copy."""
    return {"alpha": round(FIRST_ALPHA + number / 100_000, 5), "l1_ratio": l1_ratio}


def add_copies(database: Path, model_type: str, experiment: str, count: int, tagged: int) -> None:
    """Have *count* copies of the newest model in *experiment*, which is made if need be; the first *tagged* are tagged.

    Copies that are there already are kept, so calling it again costs nothing.
    """
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.row_factory = sqlite3.Row
        copier = _Copier(connection, model_type, _experiment_id(connection, experiment))
        for number in range(copier.present, count):
            copier.add(number, tagged=number < tagged)


def _experiment_id(connection: sqlite3.Connection, name: str) -> int:
    known = connection.execute("SELECT experiment_id FROM experiments WHERE name = ?", (name,)).fetchone()
    if known is not None:
        return int(known["experiment_id"])
    (example,) = _rows(connection, "experiments", "experiment_id = (SELECT max(experiment_id) FROM experiments)", ())
    number = int(str(example["experiment_id"])) + 1
    _insert(connection, "experiments", {**example, "experiment_id": number, "name": name})
    return number


class _Copier:
    """Copies the newest trained model, with its run and what belongs to both."""

    def __init__(self, connection: sqlite3.Connection, model_type: str, experiment: int) -> None:
        self._connection = connection
        self._model_type = model_type
        self._experiment = experiment
        newest = "source_run_id IS NOT NULL AND model_id NOT LIKE 'm-copy%' ORDER BY creation_timestamp_ms DESC LIMIT 1"
        (self._model,) = _rows(connection, "logged_models", newest, ())
        model, run = self._model["model_id"], self._model["source_run_id"]
        (self._run,) = _rows(connection, "runs", "run_uuid = ?", (run,))
        (self._output,) = _rows(connection, "inputs", "source_id = ? AND destination_id = ?", (run, model))
        self._parameters = _rows(connection, "params", "run_uuid = ?", (run,))
        self._model_parameters = _rows(connection, "logged_model_params", "model_id = ?", (model,))
        self._l1_ratio = next(float(str(row["value"])) for row in self._parameters if row["key"] == "l1_ratio")

    @property
    def present(self) -> int:
        """How many copies the experiment has."""
        counting = "SELECT count(*) FROM logged_models WHERE experiment_id = ? AND model_id LIKE 'm-copy%'"
        return int(self._connection.execute(counting, (self._experiment,)).fetchone()[0])

    def add(self, number: int, *, tagged: bool) -> None:
        """One run with its model."""
        values = parameters_of(number, self._l1_ratio)
        text = {name: canonical_text(value) for name, value in values.items()}
        run, model = uuid.uuid4().hex, f"m-copy{uuid.uuid4().hex[4:]}"
        belongs: Row = {"model_id": model, "experiment_id": self._experiment}
        self._insert("runs", {**self._run, "run_uuid": run, "experiment_id": self._experiment})
        self._insert("logged_models", {**self._model, **belongs, "source_run_id": run})
        output: Row = {"input_uuid": uuid.uuid4().hex, "source_id": run, "destination_id": model}
        self._insert("inputs", {**self._output, **output})
        for row in self._parameters:
            self._insert("params", {**row, "run_uuid": run, "value": text[str(row["key"])]})
        for row in self._model_parameters:
            self._insert("logged_model_params", {**row, **belongs, "param_value": text[str(row["param_key"])]})
        if tagged:
            key = training_key(self._model_type, values)
            self._insert("logged_model_tags", {**belongs, "tag_key": KEY_TAG, "tag_value": key})

    def _insert(self, table: str, row: Row) -> None:
        _insert(self._connection, table, row)


def _rows(connection: sqlite3.Connection, table: str, where: str, values: Sequence[object]) -> list[Row]:
    return [dict(row) for row in connection.execute(f"SELECT * FROM {table} WHERE {where}", values)]  # noqa: S608  # own


def _insert(connection: sqlite3.Connection, table: str, row: Mapping[str, object]) -> None:
    names, marks = ", ".join(row), ", ".join("?" * len(row))
    connection.execute(f"INSERT INTO {table} ({names}) VALUES ({marks})", [*row.values()])  # noqa: S608  # own names
