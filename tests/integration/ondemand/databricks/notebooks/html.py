# Databricks notebook source
# mypy: ignore-errors
print("<script>alert('printed')</script>")
raise ValueError("<script>alert('error')</script>")
