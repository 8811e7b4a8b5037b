"""What broker costs and what it stands, against the azure-servicebus client's own ceiling."""
