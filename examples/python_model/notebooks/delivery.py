# Databricks notebook source
dbutils.widgets.text("coverage", "0.8", "Share of the deliveries within the range")
dbutils.widgets.text("experiment", "/Shared/mlflow-ondemand/experiments/delivery", "MLflow experiment")
dbutils.widgets.text("artifact_name", "model", "Name of the logged model")

coverage = float(dbutils.widgets.get("coverage"))

# COMMAND ----------
import mlflow
import numpy as np
import pandas as pd
from mlflow.models import infer_signature
from sklearn.ensemble import GradientBoostingRegressor


class DeliveryTime(mlflow.pyfunc.PythonModel):
    """A range that holds a share of the deliveries, and the median."""

    def fit(self, trips, minutes, coverage):
        margin = (1 - coverage) / 2
        self.regressors = {
            name: GradientBoostingRegressor(loss="quantile", alpha=share, n_estimators=50).fit(trips, minutes)
            for name, share in {"earliest": margin, "median": 0.5, "latest": 1 - margin}.items()
        }
        return self

    def predict(self, context, model_input, params=None):
        return pd.DataFrame({name: each.predict(model_input) for name, each in self.regressors.items()})


# COMMAND ----------
random = np.random.default_rng(0)
trips = pd.DataFrame({"distance_km": random.uniform(0.5, 12, 800), "hour": random.integers(0, 24, 800)})
rush = trips["hour"].between(16, 19)
minutes = 8 + 3 * trips["distance_km"] * (1 + rush) + random.gamma(2, 3, 800)
model = DeliveryTime().fit(trips, minutes, coverage)

# COMMAND ----------
experiment = mlflow.set_experiment(dbutils.widgets.get("experiment"))
with mlflow.start_run(experiment_id=experiment.experiment_id):  # also if two first trainings meet
    mlflow.log_params({"coverage": coverage})
    mlflow.pyfunc.log_model(
        python_model=model,
        name=dbutils.widgets.get("artifact_name"),
        signature=infer_signature(trips, model.predict(None, trips)),
        pip_requirements=["mlflow", "scikit-learn", "pandas"],
    )
