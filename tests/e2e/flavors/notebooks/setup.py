# Databricks notebook source
# What the other notebooks begin with: widgets, the data, and how a model is logged.
dbutils.widgets.text("seed", "0")
dbutils.widgets.text("experiment", "/Shared/flavors/experiments/none")
dbutils.widgets.text("artifact_name", "model")

# COMMAND ----------
import mlflow
import numpy as np
import pandas as pd
from mlflow.models import ModelSignature, infer_signature
from mlflow.types import ColSpec, Schema, TensorSpec

SIZE = 200
seed = int(dbutils.widgets.get("seed"))
random = np.random.default_rng(seed)
experiment = mlflow.set_experiment(dbutils.widgets.get("experiment"))

# COMMAND ----------
homes = pd.DataFrame(
    {
        "area": random.uniform(20, 200, SIZE),
        "height": random.uniform(2, 4, SIZE),
        "rooms": random.integers(1, 7, SIZE),
        "city": random.choice(["Berlin", "Oslo", "Rome"], SIZE),
        "garden": random.choice([True, False], SIZE),
    }
)
price = homes["area"] * 3 + homes["rooms"] * 20 + homes["garden"] * 50 + homes["city"].str.len() * 7
floats, numbers = homes[["area", "height"]], homes[["area", "height", "rooms"]]

# COMMAND ----------
def log(flavor, *model, **options):
    """Log the model and the run's parameters; MLflow need not find out by itself what the model requires."""
    with mlflow.start_run(experiment_id=experiment.experiment_id):
        mlflow.log_params({"seed": seed})
        flavor.log_model(*model, name=dbutils.widgets.get("artifact_name"), pip_requirements=["mlflow"], **options)
