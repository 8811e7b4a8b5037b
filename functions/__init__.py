"""What is deployed: the `predict`, `train` and `run_model` functions and what they share."""
