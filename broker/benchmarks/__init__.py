"""The cost of the broker, measured with the azure-servicebus client against that client's own ceiling."""
