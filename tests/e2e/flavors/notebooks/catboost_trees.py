# Databricks notebook source
# MAGIC %run ./setup

# COMMAND ----------
from catboost import CatBoostRegressor

features = homes[["area", "rooms", "city"]]
model = CatBoostRegressor(
    iterations=20, cat_features=["city"], random_seed=seed, verbose=False, allow_writing_files=False
).fit(features, price)
log(mlflow.catboost, model, signature=infer_signature(features))
