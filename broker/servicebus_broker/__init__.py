"""An AMQP 1.0 server that speaks as Azure Service Bus does, for one machine. See README.md."""
