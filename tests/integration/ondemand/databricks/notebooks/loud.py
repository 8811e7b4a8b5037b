# Databricks notebook source
# mypy: ignore-errors
for _ in range(40):
    print("x" * 65536)
print("THE END")
dbutils.notebook.exit("y" * 6_000_000)
