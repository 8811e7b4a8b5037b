"""The errors of the host: one that stops it from starting, and one of an invocation."""


class HostError(Exception):
    """The function app or its configuration cannot be run; the message says which file or setting, and why."""


class FunctionError(Exception):
    """A function failed; the worker tells type, text and trace of what it raised."""

    def __init__(self, message: str, stack_trace: str) -> None:
        super().__init__(message)
        self.stack_trace = stack_trace
