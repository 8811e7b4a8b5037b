"""What only this project has: cold starts, many models, training, cost on the bus, profile."""
