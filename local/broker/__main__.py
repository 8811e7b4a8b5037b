"""``python -m local.broker``."""

from local.broker.cli import app

app()
