# Databricks notebook source
dbutils.widgets.text("estimator", "ridge", "ridge or forest")
dbutils.widgets.text("log_price", "false", "Whether the logarithm of the price is fitted")
dbutils.widgets.text("experiment", "/Shared/mlflow-ondemand/experiments/flat", "MLflow experiment")
dbutils.widgets.text("artifact_name", "model", "Name of the logged model")

estimator = dbutils.widgets.get("estimator")
log_price = dbutils.widgets.get("log_price") == "true"

# COMMAND ----------
# MAGIC %md Flats that are made up; a notebook of yours reads a table here.

# COMMAND ----------
import numpy as np
import pandas as pd

random = np.random.default_rng(0)
PRICE_OF_A_METRE = {"Berlin": 5.0, "Oslo": 8.0, "Rome": 4.0}
flats = pd.DataFrame(
    {
        "area": random.uniform(25, 180, 500),
        "city": random.choice(list(PRICE_OF_A_METRE), 500),
        "balcony": random.choice([True, False], 500),
    }
)
price = flats["area"] * flats["city"].map(PRICE_OF_A_METRE) + 25 * flats["balcony"] + random.normal(0, 10, 500)

# COMMAND ----------
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.ensemble import RandomForestRegressor
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

encoded = ColumnTransformer([("city", OneHotEncoder(handle_unknown="ignore"), ["city"])], remainder="passthrough")
regressor = {"ridge": Ridge(), "forest": RandomForestRegressor(n_estimators=20, random_state=0)}[estimator]
model = make_pipeline(encoded, regressor)
if log_price:
    model = TransformedTargetRegressor(model, func=np.log, inverse_func=np.exp)
model.fit(flats, price)

# COMMAND ----------
import mlflow
from mlflow.models import ModelSignature
from mlflow.types import ColSpec, Schema

signature = ModelSignature(
    inputs=Schema([ColSpec("double", "area"), ColSpec("string", "city"), ColSpec("boolean", "balcony")]),
    outputs=Schema([ColSpec("double")]),
)
experiment = mlflow.set_experiment(dbutils.widgets.get("experiment"))
with mlflow.start_run(experiment_id=experiment.experiment_id):  # also if two first trainings meet
    mlflow.log_params({"estimator": estimator, "log_price": log_price})
    mlflow.sklearn.log_model(
        model,
        name=dbutils.widgets.get("artifact_name"),
        signature=signature,
        pip_requirements=["mlflow", "scikit-learn", "pandas"],
        serialization_format="cloudpickle",
    )
