# Databricks notebook source
# mypy: ignore-errors
# MAGIC %pip install packaging

# COMMAND ----------

# MAGIC %run ./included/setup

# COMMAND ----------

from databricks.sdk.runtime import dbutils as imported

imported.fs.put("dbfs:/greeting.txt", f"hello {name_from_setup}", overwrite=True)

# COMMAND ----------

# MAGIC %fs head /greeting.txt

# COMMAND ----------

dbutils.notebook.exit(dbutils.fs.head("/greeting.txt"))
