"""The administration API of Service Bus: queues and their counts as Atom documents over HTTPS."""
