"""What the broker accepted, kept in an append-only file: changes to queues in, contents of queues out. No sockets."""
