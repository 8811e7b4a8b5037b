"""Starts the real MLflow tracking server: SQLite behind it, artifacts served through it.

Clients need no access to the folder: artifacts travel over HTTP (``mlflow-artifacts:/``).
"""
