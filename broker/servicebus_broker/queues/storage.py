"""The bytes that a queue holds."""

from servicebus_broker.queues.errors import QuotaExceededError
from servicebus_broker.queues.settings import QueueSettings


class Storage:
    """The bytes of the messages and session states of a queue and its dead-letter queue, together as in Service Bus."""

    __slots__ = ("used",)

    def __init__(self) -> None:
        self.used = 0

    def check_room(self, size: int, settings: QueueSettings) -> None:
        """Raises QuotaExceededError if there is no room for that many more bytes."""
        if size > 0 and self.used + size > settings.max_size:
            raise QuotaExceededError(
                f"The maximum entity size has been reached or exceeded for Queue: '{settings.name}'. "
                f"Size of entity in bytes:{self.used}, Max entity size in bytes: {settings.max_size}. "
                "QuotaType: EntitySize"
            )
