"""The properties of a queue by their names in Service Bus: the same in administration and in the emulator's file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from servicebus_broker import property_forms as forms

_MIB = 1024 * 1024
_DAY = 86_400


@dataclass(frozen=True)
class Property:
    """A property by its name in Service Bus, and the field of `QueueSettings` that it sets.

    A property that a description leaves out means none if it is ``optional``; otherwise it keeps its value.
    """

    name: str
    field: str
    form: forms.Form[Any]  # the type depends on the field
    optional: bool = False


# MaxMessageSizeInKilobytes ends at the limit of this broker; durations may be shorter than in Azure, for tests.
PROPERTIES = (
    Property("LockDuration", "lock_duration", forms.duration(0.001, 300)),
    Property("MaxSizeInMegabytes", "max_size", forms.integer(1, 80 * 1024, _MIB)),
    Property("RequiresDuplicateDetection", "requires_duplicate_detection", forms.flag()),
    Property("RequiresSession", "requires_session", forms.flag()),
    Property("DefaultMessageTimeToLive", "default_time_to_live", forms.duration(0.001)),
    Property("DeadLetteringOnMessageExpiration", "dead_letter_on_expiration", forms.flag()),
    Property("DuplicateDetectionHistoryTimeWindow", "duplicate_detection_window", forms.duration(0.001, 7 * _DAY)),
    Property("MaxDeliveryCount", "max_delivery_count", forms.integer(1, 2**31 - 1)),
    Property("EnableBatchedOperations", "enable_batched_operations", forms.flag()),
    Property("Status", "status", forms.status()),
    Property("ForwardTo", "forward_to", forms.entity_path(), optional=True),
    Property("UserMetadata", "user_metadata", forms.text_up_to(1024), optional=True),
    Property("AutoDeleteOnIdle", "auto_delete_on_idle", forms.duration(300)),
    Property("EnablePartitioning", "enable_partitioning", forms.flag()),
    Property("ForwardDeadLetteredMessagesTo", "forward_dead_letters_to", forms.entity_path(), optional=True),
    Property("EnableExpress", "enable_express", forms.flag()),
    Property("MaxMessageSizeInKilobytes", "max_message_size", forms.integer(1, 1024, 1024)),
)
