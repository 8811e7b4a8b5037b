# Databricks notebook source
# MAGIC %run ./setup

# COMMAND ----------
from sklearn.linear_model import LinearRegression

model = LinearRegression().fit(floats.to_numpy(), price)
signature = ModelSignature(inputs=Schema([TensorSpec(np.dtype("float64"), (-1, 2))]))
log(mlflow.sklearn, model, signature=signature, serialization_format="cloudpickle")
