# Databricks notebook source
# mypy: ignore-errors
# Says that it runs, and waits until it is told to go on, or for ever.

# COMMAND ----------

import os
import time
from pathlib import Path

Path(dbutils.widgets.get("running")).write_text(str(os.getpid()))
go_on = Path(dbutils.widgets.getArgument("go_on", "/nonexistent"))
while not go_on.exists():
    time.sleep(0.02)  # a file tells nobody

# COMMAND ----------

dbutils.notebook.exit("went on")
