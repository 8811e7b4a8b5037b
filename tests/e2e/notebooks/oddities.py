# Databricks notebook source
# Models with a will of their own; `kind` says which.
dbutils.widgets.text("kind", "interval")
dbutils.widgets.text("experiment", "/Shared/tests/experiments/oddities")
dbutils.widgets.text("artifact_name", "model")

import mlflow
import numpy as np
import pandas as pd
from mlflow.models import ModelSignature
from mlflow.types import ColSpec, Schema
from sklearn.base import BaseEstimator

kind, name = dbutils.widgets.get("kind"), dbutils.widgets.get("artifact_name")
experiment = mlflow.set_experiment(dbutils.widgets.get("experiment"))

# COMMAND ----------


class Panic(BaseException):
    """What PyO3 raises for a panic in Rust."""


class Odd(BaseEstimator):
    def __init__(self, kind="interval"):
        self.kind = kind

    def __setstate__(self, state):
        import time

        super().__setstate__(state)
        if self.kind == "slow-load":
            time.sleep(1)  # longer than a load that its client is not told of

    def predict(self, rows):
        values = rows["a"].to_numpy()
        if self.kind == "forecast":  # three steps, whatever the rows
            return values[0] + np.array([1.0, 2.0, 3.0])
        if self.kind == "batch-mean":
            return values - values.mean()
        if self.kind == "panic":
            raise Panic("called `Option::unwrap()` on a `None` value")
        if self.kind == "exit":
            raise SystemExit(3)
        if self.kind == "hang":
            import threading

            while 666 in values:
                threading.Event().wait()
            return values
        if self.kind == "slow-load":
            return values
        if self.kind == "secret":
            raise ConnectionError("cannot reach postgresql://svc:hunter2@db.internal/features")
        if self.kind == "objects":
            return np.array([np.int64(7)] * len(rows), dtype=object)
        if self.kind == "missing":
            return pd.Series([None] * len(rows), dtype="Int64")
        if self.kind == "infinite":
            return np.array([np.nan, np.inf, -np.inf])
        return pd.arrays.IntervalArray.from_breaks(range(len(rows) + 1))


with mlflow.start_run(experiment_id=experiment.experiment_id):
    mlflow.log_params({"kind": kind})
    mlflow.sklearn.log_model(
        Odd(kind),
        name=name,
        signature=ModelSignature(Schema([ColSpec("double", "a")])),
        serialization_format="cloudpickle",
        pip_requirements=["scikit-learn"],
    )
