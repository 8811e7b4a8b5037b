"""``python -m servicebus_broker``."""

from servicebus_broker.cli import app

app()
