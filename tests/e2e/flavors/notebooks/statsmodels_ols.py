# Databricks notebook source
# MAGIC %run ./setup

# COMMAND ----------
import statsmodels.api as sm

model = sm.OLS(price, floats).fit()
log(mlflow.statsmodels, model, signature=infer_signature(floats))
