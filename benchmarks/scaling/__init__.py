"""Sizing on paper: what KEDA and the HorizontalPodAutoscaler decide, and a simulation of the queues they decide by."""
