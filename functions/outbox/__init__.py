"""Sending: what a Service Bus message of ours looks like, which messages share one, and the sender of a queue."""
