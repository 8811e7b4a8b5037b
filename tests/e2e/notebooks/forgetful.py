# Databricks notebook source
import mlflow

mlflow.set_experiment(dbutils.widgets.get("experiment"))
with mlflow.start_run():
    mlflow.log_param("alpha", float(dbutils.widgets.get("alpha")))
