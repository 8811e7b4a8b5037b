"""A real MLflow store in a folder, and what notebooks log to it."""

import shutil
import sqlite3
import warnings
from collections.abc import Mapping
from contextlib import closing
from itertools import count
from pathlib import Path

from mlflow import MlflowClient
from mlflow.entities import LoggedModelOutput

from functions.catalog import ModelType, Serverless
from functions.parameters import ParameterSpec, canonical_parameters, training_key
from functions.run_model.lookup import KEY_TAG, Found, Lookup, NotFound
from functions.run_model.mlflow_client import mlflow_client

ENTRY = ModelType(
    experiment="/Shared/wine",
    notebook="/Shared/wine",
    parameters={
        "alpha": ParameterSpec(type="float", default=0.5),
        "depth": ParameterSpec(type="int", default=5),
    },
    cluster=Serverless(serverless=True),
)
ALPHA_AND_DEPTH = {"alpha": "0.5", "depth": "5"}
VALUES, _ = canonical_parameters(ENTRY.parameters, {})
KEY = training_key("wine", VALUES)
OTHER_KEY = "0" * 64


def new_database(folder: Path) -> Path:
    """An empty store, made once: its migrations take a second."""
    path = folder / "template.db"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # SQLAlchemy's, about what MLflow does at import
        MlflowClient(tracking_uri=f"sqlite:///{path}").search_experiments()
    return path


class Store:
    """The store and its client. Times count up by a second, so that "newer" is certain."""

    def __init__(self, folder: Path, template: Path) -> None:
        self.path = folder / "mlflow.db"
        shutil.copy(template, self.path)
        self.uri = f"sqlite:///{self.path}"
        self.client = MlflowClient(tracking_uri=self.uri)
        self.lookup = Lookup(lambda: mlflow_client(self.uri))
        self.experiment = self.client.create_experiment(ENTRY.experiment, artifact_location=str(folder / "artifacts"))
        self._clock = count(1_800_000_000_000, 1000)

    def run(
        self,
        parameters: Mapping[str, str] = ALPHA_AND_DEPTH,
        *,
        status: str = "FINISHED",
        parent: str | None = None,
        experiment: str | None = None,
    ) -> str:
        """A run that logged these parameters."""
        tags = {"mlflow.parentRunId": parent} if parent else {}
        run = self.client.create_run(experiment or self.experiment, start_time=next(self._clock), tags=tags)
        for name, value in parameters.items():
            self.client.log_param(run.info.run_id, name, value)
        self.client.update_run(run.info.run_id, status=status)
        return str(run.info.run_id)

    def model(
        self,
        run: str | None,
        *,
        name: str = "model",
        step: int = 0,
        status: str = "READY",
        experiment: str | None = None,
        key: str | None = None,
        output: bool = True,
    ) -> str:
        """A model that the run logged, as `log_model` does it, without files: a look-up reads none."""
        model = self.client.create_logged_model(experiment or self.experiment, name=name, source_run_id=run)
        if status != "PENDING":
            self.client.finalize_logged_model(model.model_id, status)
        if run and output:
            self.name_output(run, model.model_id, step)
        if key:
            self.client.set_logged_model_tags(model.model_id, {KEY_TAG: key})
        self.sql(
            "UPDATE logged_models SET creation_timestamp_ms = ? WHERE model_id = ?", next(self._clock), model.model_id
        )
        return str(model.model_id)

    def name_output(self, run: str, model: str, step: int = 0) -> None:
        self.client.log_outputs(run, [LoggedModelOutput(model, step)])

    def sql(self, statement: str, *values: object) -> None:
        """What no client can do: another creation time, another order of rows."""
        with closing(sqlite3.connect(self.path)) as connection, connection:
            connection.execute(statement, values)

    def key_of(self, model: str) -> str | None:
        """The tag, read past the API: a deleted model has one too."""
        with closing(sqlite3.connect(self.path)) as connection:
            statement = "SELECT tag_value FROM logged_model_tags WHERE model_id = ? AND tag_key = ?"
            row = connection.execute(statement, (model, KEY_TAG)).fetchone()
        return str(row[0]) if row else None

    def look_up(self, entry: ModelType = ENTRY, key: str = KEY) -> Found | NotFound:
        return self.lookup.find(entry, VALUES, key)

    def found(self, entry: ModelType = ENTRY, key: str = KEY) -> str | None:
        """The id of the model that answers, if one does."""
        outcome = self.look_up(entry, key)
        return outcome.model_id if isinstance(outcome, Found) else None

    def still_there(self, found: Found, entry: ModelType = ENTRY) -> bool:
        return self.lookup.still_there(entry, VALUES, KEY, found)
