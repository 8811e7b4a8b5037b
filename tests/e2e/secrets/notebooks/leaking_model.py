# Databricks notebook source
# A model that gives away its process's environment; the first value of column `a` says how.
dbutils.widgets.text("depth", "0")
dbutils.widgets.text("experiment", "/Shared/tests/experiments/leaking")
dbutils.widgets.text("artifact_name", "model")

import mlflow
from mlflow.models import ModelSignature
from mlflow.types import ColSpec, Schema
from sklearn.base import BaseEstimator

# COMMAND ----------


class Panic(BaseException):
    """No Exception."""


class Unspeakable(Exception):
    def __str__(self):
        raise OSError("no text")


class Opaque:
    def __init__(self, text):
        self.text = text

    def __repr__(self):
        return self.text


class Leaking(BaseEstimator):
    def predict(self, rows):
        import base64
        import json
        import logging
        import os
        import threading
        import urllib.parse
        import warnings

        text = json.dumps(dict(reversed(list(os.environ.items()))))  # what the test set comes first
        logger = logging.getLogger("leaking")
        kind = int(rows["a"].iloc[0])
        if kind == 1:
            raise ValueError(text)
        if kind == 2:
            try:
                raise ConnectionError(text)
            except ConnectionError as error:
                raise RuntimeError("chained") from error
        if kind == 3:
            raise SystemExit(text)
        if kind == 4:
            raise Panic(text)
        if kind == 5:
            raise Unspeakable(text)
        if kind == 6:
            raise type(os.environ["MLFLOW_TRACKING_PASSWORD"], (Exception,), {})("named")
        if kind == 7:
            raise ValueError(urllib.parse.quote(text))
        if kind == 8:
            raise ValueError([base64.b64encode(value.encode()) for value in os.environ.values()])
        if kind == 9:
            raise ValueError("first line\n2026-01-01 00:00:00,000 ERROR functions.train: " + text)
        if kind == 10:
            return [Opaque(text)]
        if kind == 11:
            raise KeyError(os.environ["SERVICEBUS_CONNECTION"])
        if kind == 12:
            logger.error("a record\n%s", text)
        if kind == 13:
            logger.error("%d", text)
        if kind == 14:
            logger.warning("extra", extra={"environ": text}, stack_info=True)
        if kind == 15:
            warnings.warn(f"connection {os.environ['SERVICEBUS_CONNECTION']}", UserWarning, stacklevel=1)
        if kind == 16:
            thread = threading.Thread(target=lambda: json.loads(text)["no such key: " + text])
            thread.start()
            thread.join()
        if kind == 17:
            raise ExceptionGroup(text, [ValueError(text)])
        return [1.0] * len(rows)


experiment = mlflow.set_experiment(dbutils.widgets.get("experiment"))
with mlflow.start_run(experiment_id=experiment.experiment_id):
    mlflow.log_params({"depth": dbutils.widgets.get("depth")})
    mlflow.sklearn.log_model(
        Leaking(),
        name=dbutils.widgets.get("artifact_name"),
        signature=ModelSignature(Schema([ColSpec("double", "a")])),
        serialization_format="cloudpickle",
        pip_requirements=["scikit-learn"],
    )
