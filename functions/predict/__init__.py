"""The `predict` function: HTTP in, commands out, results back."""
