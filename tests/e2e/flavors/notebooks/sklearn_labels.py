# Databricks notebook source
# MAGIC %run ./setup

# COMMAND ----------
from sklearn.tree import DecisionTreeClassifier

model = DecisionTreeClassifier(max_depth=6, random_state=seed).fit(numbers, homes["city"])
log(mlflow.sklearn, model, signature=infer_signature(numbers, homes["city"]), serialization_format="cloudpickle")
