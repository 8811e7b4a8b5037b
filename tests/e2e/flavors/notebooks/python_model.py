# Databricks notebook source
# MAGIC %run ./setup

# COMMAND ----------
class FromTheMean(mlflow.pyfunc.PythonModel):
    """Its answer for a row depends on the other rows of the request."""

    def predict(self, context, model_input, params=None):
        return model_input["area"] - model_input["area"].mean()


log(mlflow.pyfunc, python_model=FromTheMean(), signature=infer_signature(floats))
