"""The `run_model` function: find the model, load it once, merge predictions, reply."""
