# Databricks notebook source
# MAGIC %run ./setup

# COMMAND ----------
from sklearn.linear_model import LogisticRegression

model = LogisticRegression(max_iter=1000).fit(floats, homes["city"])
log(
    mlflow.sklearn,
    model,
    signature=infer_signature(floats),
    serialization_format="cloudpickle",
    pyfunc_predict_fn="predict_proba",
)
