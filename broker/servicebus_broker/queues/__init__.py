"""The rules of a Service Bus queue, without I/O; the clock is passed in."""
