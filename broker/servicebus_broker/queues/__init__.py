"""The rules of a Service Bus queue, without I/O; the clock (seconds since the Unix epoch) is passed in."""
