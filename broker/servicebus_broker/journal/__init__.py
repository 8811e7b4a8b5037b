"""Persistence in append-only files: changes to queues in, contents of queues out. No sockets."""
