# Databricks notebook source
# MAGIC %run ./setup

# COMMAND ----------
from sklearn.linear_model import LinearRegression

model = LinearRegression().fit(floats, np.column_stack([price, homes["rooms"]]))
log(mlflow.sklearn, model, signature=infer_signature(floats), serialization_format="cloudpickle")
