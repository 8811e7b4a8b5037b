"""The wire form of a failed operation."""

from servicebus_broker.amqp.errors import AmqpError
from servicebus_broker.amqp.performatives import Error, Rejected
from servicebus_broker.queues.errors import QueueError

Failure = QueueError | AmqpError


def error_of(failure: Failure) -> Error:
    """The AMQP error; azure-servicebus hangs unless condition, description and info are all there."""
    return Error(failure.condition, failure.description, {})


def rejection(failure: Failure) -> Rejected:
    """The outcome for a refused message or settlement."""
    return Rejected(error_of(failure))


def status_of(failure: Failure) -> int:
    """The status code of a management response."""
    return failure.status if isinstance(failure, QueueError) else 400
