"""Service Bus over AMQP: the nodes behind addresses, and how links and management requests act on queues."""
