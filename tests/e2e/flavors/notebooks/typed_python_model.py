# Databricks notebook source
# MAGIC %run ./setup

# COMMAND ----------
import pydantic


class Home(pydantic.BaseModel):
    area: float
    city: str


class Described(mlflow.pyfunc.PythonModel):
    """MLflow makes its signature, and each row a Home, by the type hint."""

    def predict(self, model_input: list[Home]) -> list[str]:
        return [f"{number} of {len(model_input)}: {home.area:.3f} in {home.city}" for number, home in enumerate(model_input)]


log(mlflow.pyfunc, python_model=Described())
