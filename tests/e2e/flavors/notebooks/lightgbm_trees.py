# Databricks notebook source
# MAGIC %run ./setup

# COMMAND ----------
from lightgbm import LGBMRegressor

model = LGBMRegressor(n_estimators=20, random_state=seed, verbose=-1).fit(numbers, price)
log(mlflow.lightgbm, model, signature=infer_signature(numbers), serialization_format="cloudpickle")
