"""What is deployed: the `predict`, `train` and `run_model` functions and what they share."""

__version__ = "0.1.0"
