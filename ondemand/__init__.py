"""The embedded stack for one machine: everything `functions/` talks to, without a cloud."""
