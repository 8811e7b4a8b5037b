# Databricks notebook source
# MAGIC %run ./setup

# COMMAND ----------
# `predict_proba` of several outputs is a list with an array for each output, not for each row. There are as many outputs
# as other clients: when they send one row each, the outputs are as many as the rows of all of them together.
from sklearn.ensemble import RandomForestClassifier

labels = pd.DataFrame({f"larger than {area}": homes["area"] > area for area in range(40, 180, 20)})
model = RandomForestClassifier(5, max_depth=4, random_state=seed).fit(floats, labels)
log(
    mlflow.sklearn,
    model,
    signature=infer_signature(floats),
    serialization_format="cloudpickle",
    pyfunc_predict_fn="predict_proba",
)
