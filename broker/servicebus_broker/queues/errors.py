"""Errors of queue operations: each knows the condition a client's SDK recognises and the management status code."""


class QueueError(Exception):
    """Base class. ``condition`` goes on the wire, ``status`` into a management response."""

    condition = "amqp:internal-error"
    status = 500

    def __init__(self, description: str) -> None:
        super().__init__(description)
        self.description = description


class UnauthorizedError(QueueError):
    """The client has not proved that it may do that."""

    condition = "amqp:unauthorized-access"
    status = 401


class EntityNotFoundError(QueueError):
    condition = "amqp:not-found"
    status = 404


class MessageNotFoundError(QueueError):
    condition = "com.microsoft:message-not-found"
    status = 404


class MessageLockLostError(QueueError):
    condition = "com.microsoft:message-lock-lost"
    status = 410


class SessionLockLostError(QueueError):
    condition = "com.microsoft:session-lock-lost"
    status = 410


class SessionCannotBeLockedError(QueueError):
    condition = "com.microsoft:session-cannot-be-locked"
    status = 410


class TimedOutError(QueueError):
    condition = "com.microsoft:timeout"
    status = 408


class InvalidOperationError(QueueError):
    """The entity does not support that: for example a session on a queue without sessions, or the reverse."""

    condition = "amqp:not-allowed"
    status = 400


class ArgumentError(QueueError):
    condition = "com.microsoft:argument-error"
    status = 400


class NotImplementedOperationError(QueueError):
    condition = "amqp:not-implemented"
    status = 501


class EntityExistsError(QueueError):
    condition = "com.microsoft:entity-already-exists"
    status = 409


class EntityDisabledError(QueueError):
    """The entity's status does not allow the operation."""

    condition = "com.microsoft:entity-disabled"
    status = 403


class QuotaExceededError(QueueError):
    """The entity is full."""

    condition = "amqp:resource-limit-exceeded"
    status = 403


class MessageSizeExceededError(QueueError):
    """A message or a session state is larger than the entity accepts."""

    condition = "amqp:link:message-size-exceeded"
    status = 413
