"""Service Bus over AMQP: which node an address names, and what its links and management requests do to a queue."""
