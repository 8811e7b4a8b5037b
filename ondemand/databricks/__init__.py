"""A stand-in for the Jobs API of Databricks that really executes notebooks, in processes of this machine.

It answers what databricks-sdk sends for one-time runs of one notebook task. What it leaves out it refuses.
"""
