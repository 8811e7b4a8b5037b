# Databricks notebook source
# MAGIC %run ./setup

# COMMAND ----------
import tempfile
from pathlib import Path

CODE = """
import mlflow
import pandas as pd

class Ranks(mlflow.pyfunc.PythonModel):
    def predict(self, context, model_input: pd.DataFrame, params=None):
        return model_input["area"].rank().astype(int)

mlflow.models.set_model(Ranks())
"""

# COMMAND ----------
with tempfile.TemporaryDirectory() as folder:
    file = Path(folder, "ranks.py")
    file.write_text(CODE)
    log(mlflow.pyfunc, python_model=str(file), signature=infer_signature(floats))
