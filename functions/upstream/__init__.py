"""What works around a library or Python itself. README.md says why, and when each module can go."""
