"""A stand-in for Azure Service Bus on one machine: queues over AMQP 1.0. See README.md."""
