"""What a Service Bus queue does, without I/O and with a clock that is passed in (seconds since the Unix epoch)."""
