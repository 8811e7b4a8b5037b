# Databricks notebook source
# MAGIC %run ./setup

# COMMAND ----------
from prophet import Prophet

history = pd.DataFrame({"ds": pd.date_range("2023-01-01", periods=SIZE), "y": np.arange(SIZE) + random.random(SIZE)})
# Without samples of the uncertainty, which are drawn anew at each prediction.
model = Prophet(uncertainty_samples=0).fit(history)
log(mlflow.prophet, model, signature=infer_signature(history[["ds"]]))
