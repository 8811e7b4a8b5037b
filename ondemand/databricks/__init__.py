"""A stand-in for the Jobs API of Databricks that really executes notebooks, in processes of this machine.

It serves the requests that databricks-sdk sends for one-time runs of one notebook task, and refuses all others.
"""
