"""Errors of the AMQP layer. An error knows the condition that the peer is told."""


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
    """A frame whose header is wrong or whose size exceeds what was agreed."""

    condition = "amqp:connection:framing-error"


class NotAllowedError(AmqpError):
    """A frame that makes no sense in the state the connection, session or link is in."""

    condition = "amqp:not-allowed"


class ResourceLimitError(AmqpError):
    """More than this broker, or the one it stands in for, lets a peer have."""

    condition = "amqp:resource-limit-exceeded"
