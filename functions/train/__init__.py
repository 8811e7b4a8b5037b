"""The `train` function: one Databricks run per training key, looked at on a schedule."""
