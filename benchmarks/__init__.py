"""Measurements, each a module: ``python -m benchmarks.broker --help``."""
