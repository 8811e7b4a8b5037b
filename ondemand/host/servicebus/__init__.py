"""Service Bus queue triggers, with and without sessions."""
