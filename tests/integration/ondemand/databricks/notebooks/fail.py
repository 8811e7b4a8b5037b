# Databricks notebook source
# mypy: ignore-errors
dbutils.widgets.text("message", "")


def divide(numerator, denominator):
    return numerator / denominator


# COMMAND ----------

print("before the error")
divide(1, 0)
