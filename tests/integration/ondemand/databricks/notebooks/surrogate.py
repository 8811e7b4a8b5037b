# Databricks notebook source
# mypy: ignore-errors
raise ValueError("\ud800")
