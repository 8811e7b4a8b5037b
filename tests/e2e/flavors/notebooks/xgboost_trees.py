# Databricks notebook source
# MAGIC %run ./setup

# COMMAND ----------
from xgboost import XGBRegressor

known = numbers.assign(height=numbers["height"].where(numbers["rooms"] % 2 == 0))
model = XGBRegressor(n_estimators=20, max_depth=4, random_state=seed).fit(known, price)
signature = ModelSignature(
    inputs=Schema(
        [ColSpec("double", "area"), ColSpec("double", "height", required=False), ColSpec("long", "rooms")]
    )
)
log(mlflow.xgboost, model, signature=signature)
