"""Errors of the AMQP layer. An error knows the condition for the peer."""


class AmqpError(Exception):
    """A protocol error; ``condition`` is the symbol that goes on the wire."""

    condition = "amqp:internal-error"

    def __init__(self, description: str, condition: str | None = None) -> None:
        super().__init__(description)
        self.description = description
        if condition is not None:
            self.condition = condition


class DecodeError(AmqpError):
    """Bytes that are not valid AMQP 1.0."""

    condition = "amqp:decode-error"


class FramingError(AmqpError):
    """A frame whose header is wrong or whose size exceeds the negotiated one."""

    condition = "amqp:connection:framing-error"


class NotAllowedError(AmqpError):
    """A frame that the state of the connection, session or link does not allow."""

    condition = "amqp:not-allowed"


class UnauthorizedAccessError(AmqpError):
    """A peer that did not log in."""

    condition = "amqp:unauthorized-access"


class ResourceLimitError(AmqpError):
    """A peer is over a limit of this broker or of Service Bus."""

    condition = "amqp:resource-limit-exceeded"
