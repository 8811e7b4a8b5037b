"""``ondemand dead-letters``: look at messages that failed for good, send them again, or delete them.

They lie in the queue `failed` of the app, of a broker on this machine or of a Service Bus namespace.
"""
