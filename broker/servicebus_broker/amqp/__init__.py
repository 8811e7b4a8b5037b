"""AMQP 1.0 without I/O: types, frames, message sections and the connection's state machine (bytes in, events out)."""
