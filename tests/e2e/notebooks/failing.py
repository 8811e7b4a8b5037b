# Databricks notebook source
dbutils.widgets.text("alpha", "0")

# COMMAND ----------

raise RuntimeError(f"no data for alpha {dbutils.widgets.get('alpha')}")
