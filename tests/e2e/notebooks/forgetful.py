# Databricks notebook source
import mlflow

experiment = mlflow.set_experiment(dbutils.widgets.get("experiment"))
with mlflow.start_run(experiment_id=experiment.experiment_id):
    mlflow.log_param("alpha", float(dbutils.widgets.get("alpha")))
