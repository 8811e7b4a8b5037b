"""The properties of one queue."""

from dataclasses import dataclass, replace

FOREVER = float("inf")


@dataclass(frozen=True, slots=True)
class QueueSettings:
    """Durations are in seconds. The defaults are those of Service Bus."""

    name: str
    lock_duration: float = 60
    max_delivery_count: int = 10
    default_time_to_live: float = FOREVER
    dead_letter_on_expiration: bool = False
    requires_session: bool = False
    requires_duplicate_detection: bool = False
    duplicate_detection_window: float = 600

    def for_dead_letters(self) -> "QueueSettings":
        """The settings of this queue's dead-letter queue: without sessions, expiry or duplicate detection."""
        return replace(
            self,
            name=f"{self.name}/$DeadLetterQueue",
            default_time_to_live=FOREVER,
            requires_session=False,
            requires_duplicate_detection=False,
        )
