"""Checks of new messages by the limits of Service Bus (learn.microsoft.com, "Service Bus quotas")."""

from servicebus_broker.amqp.sections import Sections, application_entries, entry_value
from servicebus_broker.queues.errors import ArgumentError, InvalidOperationError, MessageSizeExceededError
from servicebus_broker.queues.message import Message
from servicebus_broker.queues.settings import QueueSettings

MAX_ID_LENGTH = 128
MAX_HEADER_SIZE = 64 * 1024
MAX_PROPERTY_SIZE = 32 * 1024
PARTITION_KEY = "x-opt-partition-key"


def check(message: Message, settings: QueueSettings) -> None:
    """Raises a QueueError for a message that the queue refuses from every sender."""
    sections = message.sections
    if message.size > settings.max_message_size:
        raise MessageSizeExceededError(
            f"The message has {message.size} bytes; the entity '{settings.name}' takes {settings.max_message_size} at "
            "most."
        )
    if message.size - len(sections.body) > MAX_PROPERTY_SIZE:
        _check_properties(sections, message.size - len(sections.body))
    if sections.message_id is not None:
        _check_length("message id", sections.message_id)
    if sections.session_id is not None:
        _check_length("session id", sections.session_id)
    if PARTITION_KEY in sections.annotations:
        _check_partition_key(sections)
    if settings.requires_session and sections.session_id is None:
        raise InvalidOperationError(
            f"The SessionId was not set on a message, and it cannot be sent to the entity '{settings.name}', "
            "which requires sessions."
        )


def _check_properties(sections: Sections, header_size: int) -> None:
    if header_size > MAX_HEADER_SIZE:
        raise ArgumentError(
            f"The message's properties have {header_size} bytes together, of {MAX_HEADER_SIZE} at most."
        )
    for key, entry in application_entries(sections.application_properties).items():
        if len(entry) > MAX_PROPERTY_SIZE:
            raise ArgumentError(f"The property '{key}' has {len(entry)} bytes, of {MAX_PROPERTY_SIZE} at most.")


def _check_partition_key(sections: Sections) -> None:
    key = entry_value(sections.annotations[PARTITION_KEY])
    _check_length("partition key", key)
    if sections.session_id is not None and key is not None and key != sections.session_id:
        raise InvalidOperationError("The partition key of a message with a session id must be the session id.")


def _check_length(what: str, value: object) -> None:
    if isinstance(value, str) and len(value) > MAX_ID_LENGTH:
        raise ArgumentError(f"The {what} is longer than {MAX_ID_LENGTH} characters.")
