"""How much a queue holds, in bytes."""

from servicebus_broker.queues.errors import QuotaExceededError
from servicebus_broker.queues.settings import QueueSettings


class Storage:
    """What the messages and session states of a queue and of its dead-letter queue take, together as in Service Bus."""

    __slots__ = ("used",)

    def __init__(self) -> None:
        self.used = 0

    def check_room(self, size: int, settings: QueueSettings) -> None:
        """Raises QuotaExceededError if that much more is too much."""
        if size > 0 and self.used + size > settings.max_size:
            raise QuotaExceededError(
                f"The maximum entity size has been reached or exceeded for Queue: '{settings.name}'. "
                f"Size of entity in bytes:{self.used}, Max entity size in bytes: {settings.max_size}. "
                "QuotaType: EntitySize"
            )
