# Databricks notebook source
# mypy: ignore-errors
name_from_setup = "from the included notebook"
