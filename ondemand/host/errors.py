"""The error that stops the host from starting."""


class HostError(Exception):
    """The function app or its configuration cannot be run; the message says which file or setting, and why."""
