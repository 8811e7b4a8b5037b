# Databricks notebook source
# mypy: ignore-errors
# MAGIC %sql
# MAGIC SELECT 1
