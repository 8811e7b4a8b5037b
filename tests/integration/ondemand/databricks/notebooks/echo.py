# Databricks notebook source
# mypy: ignore-errors
# MAGIC %md
# MAGIC # Returns its parameters

# COMMAND ----------

dbutils.widgets.text("first", "default one")
dbutils.widgets.dropdown("second", "b", ["a", "b"])

# COMMAND ----------

import json

dbutils.notebook.exit(json.dumps(dbutils.widgets.getAll()))

# COMMAND ----------

raise AssertionError("a cell after the exit was executed")
