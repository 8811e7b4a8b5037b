# Databricks notebook source
# MAGIC %run ./setup

# COMMAND ----------
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

columns = ColumnTransformer(
    [
        ("numbers", StandardScaler(), ["area", "height", "rooms"]),
        ("words", OneHotEncoder(), ["city"]),
        ("as they are", "passthrough", ["garden"]),
    ]
)
model = make_pipeline(columns, LinearRegression()).fit(homes, price)
log(mlflow.sklearn, model, signature=infer_signature(homes), serialization_format="cloudpickle")
