"""Executes a Databricks notebook in a process of its own. Runs in that process, and imports nothing of the server."""
