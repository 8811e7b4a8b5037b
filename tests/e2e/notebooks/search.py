# Databricks notebook source
# A search whose trials are child runs with the same parameters, and whose winner is checkpointed.
dbutils.widgets.text("seed", "0")
dbutils.widgets.text("experiment", "/Shared/tests/experiments/search")
dbutils.widgets.text("artifact_name", "model")

import mlflow
import pandas as pd
from mlflow.models import infer_signature
from sklearn.dummy import DummyRegressor

seed, name = dbutils.widgets.get("seed"), dbutils.widgets.get("artifact_name")
experiment = mlflow.set_experiment(dbutils.widgets.get("experiment"))
features = pd.DataFrame({"a": [0.0, 1.0]})

# COMMAND ----------


def log(value, step):
    model = DummyRegressor(strategy="constant", constant=value).fit(features, [0.0, 1.0])
    mlflow.sklearn.log_model(
        model,
        name=name,
        step=step,
        signature=infer_signature(features, [0.0]),
        serialization_format="cloudpickle",
        pip_requirements=["scikit-learn"],
    )


with mlflow.start_run(experiment_id=experiment.experiment_id):
    mlflow.log_params({"seed": seed})
    for step in (1, 3, 2):
        log(float(step), step)
    for trial in range(2):
        with mlflow.start_run(nested=True):
            mlflow.log_params({"seed": seed, "trial": trial})
            log(100.0 + trial, step=9)
