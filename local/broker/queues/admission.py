"""Which messages a queue takes."""

from local.broker.amqp.sections import Sections
from local.broker.queues.errors import ArgumentError, InvalidOperationError
from local.broker.queues.settings import QueueSettings

MAX_ID_LENGTH = 128


def check(sections: Sections, settings: QueueSettings) -> None:
    """Raises ArgumentError or InvalidOperationError for a message that the queue refuses."""
    message_id, session_id = sections.message_id, sections.session_id
    if isinstance(message_id, str) and len(message_id) > MAX_ID_LENGTH:
        raise ArgumentError(f"The message id is longer than {MAX_ID_LENGTH} characters.")
    if session_id is not None and len(session_id) > MAX_ID_LENGTH:
        raise ArgumentError(f"The session id is longer than {MAX_ID_LENGTH} characters.")
    if settings.requires_session and session_id is None:
        raise InvalidOperationError(
            f"The SessionId was not set on a message, and it cannot be sent to the entity '{settings.name}', "
            "which requires sessions."
        )
