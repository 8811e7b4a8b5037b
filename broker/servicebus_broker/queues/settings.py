"""The properties of one queue."""

from dataclasses import dataclass, replace
from enum import Enum

FOREVER = float("inf")


class EntityStatus(Enum):
    """The status of a queue; the values are those of the administration API."""

    ACTIVE = "Active"
    DISABLED = "Disabled"
    SEND_DISABLED = "SendDisabled"
    RECEIVE_DISABLED = "ReceiveDisabled"

    @property
    def can_send(self) -> bool:
        return self in (EntityStatus.ACTIVE, EntityStatus.RECEIVE_DISABLED)

    @property
    def can_receive(self) -> bool:
        return self in (EntityStatus.ACTIVE, EntityStatus.SEND_DISABLED)


@dataclass(frozen=True, slots=True)
class QueueSettings:
    """Durations are in seconds, sizes in bytes. The defaults are those of Service Bus.

    ``max_size`` is for the queue and its dead-letter queue together, ``max_message_size`` for one message.
    ``forward_to`` and ``forward_dead_letters_to`` name other queues. The last four are stored and shown, and have no
    effect here.
    """

    name: str
    lock_duration: float = 60
    max_delivery_count: int = 10
    default_time_to_live: float = FOREVER
    dead_letter_on_expiration: bool = False
    requires_session: bool = False
    requires_duplicate_detection: bool = False
    duplicate_detection_window: float = 600
    forward_to: str | None = None
    forward_dead_letters_to: str | None = None
    max_size: int = 1024 * 1024 * 1024
    max_message_size: int = 1024 * 1024
    status: EntityStatus = EntityStatus.ACTIVE
    auto_delete_on_idle: float = FOREVER
    user_metadata: str = ""
    enable_batched_operations: bool = True
    enable_partitioning: bool = False
    enable_express: bool = False

    def for_dead_letters(self) -> "QueueSettings":
        """The settings of this queue's dead-letter queue: without sessions, expiry or duplicate detection."""
        return replace(
            self,
            name=f"{self.name}/$DeadLetterQueue",
            default_time_to_live=FOREVER,
            requires_session=False,
            requires_duplicate_detection=False,
            auto_delete_on_idle=FOREVER,
            forward_to=self.forward_dead_letters_to,
            forward_dead_letters_to=None,
        )
