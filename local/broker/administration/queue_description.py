"""A queue as a ``QueueDescription``, in the order of elements that the service uses, and the other way round."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from local.broker.administration import values
from local.broker.administration.atom import COUNTS, INSTANCE, SERVICE_BUS, Entry, element, leaf, timestamp
from local.broker.administration.errors import BadRequestError
from local.broker.administration.reading import Description
from local.broker.queues.settings import QueueSettings
from local.broker.service.entity import Entity

_KIND = "QueueDescription"
_MIB = 1024 * 1024
_DAY = 86_400


@dataclass(frozen=True)
class Property:
    """An element of a description, and the field of `QueueSettings` it stands for.

    An element that is left out means none if it is ``optional``, and otherwise what was there before.
    """

    element: str
    field: str
    form: values.Form[Any]  # of whatever type the field has
    optional: bool = False


PROPERTIES = (
    Property("LockDuration", "lock_duration", values.duration(0.001, 300)),
    Property("MaxSizeInMegabytes", "max_size", values.integer(1, 80 * 1024, _MIB)),
    Property("RequiresDuplicateDetection", "requires_duplicate_detection", values.flag()),
    Property("RequiresSession", "requires_session", values.flag()),
    Property("DefaultMessageTimeToLive", "default_time_to_live", values.duration(0.001)),
    Property("DeadLetteringOnMessageExpiration", "dead_letter_on_expiration", values.flag()),
    Property("DuplicateDetectionHistoryTimeWindow", "duplicate_detection_window", values.duration(0.001, 7 * _DAY)),
    Property("MaxDeliveryCount", "max_delivery_count", values.integer(1, 2000)),
    Property("EnableBatchedOperations", "enable_batched_operations", values.flag()),
    Property("Status", "status", values.status()),
    Property("ForwardTo", "forward_to", values.entity_path(), optional=True),
    Property("UserMetadata", "user_metadata", values.text_up_to(1024), optional=True),
    Property("AutoDeleteOnIdle", "auto_delete_on_idle", values.duration(300)),
    Property("EnablePartitioning", "enable_partitioning", values.flag()),
    Property("ForwardDeadLetteredMessagesTo", "forward_dead_letters_to", values.entity_path(), optional=True),
    Property("EnableExpress", "enable_express", values.flag()),
    Property("MaxMessageSizeInKilobytes", "max_message_size", values.integer(1, 1024, 1024)),
)
_FORWARDING = [each for each in PROPERTIES if each.element.startswith("Forward")]
# MaxMessageSizeInKilobytes ends at what this broker takes; durations may be shorter than in Azure, for tests.


def read_settings(description: Description, before: QueueSettings) -> QueueSettings:
    """What a description makes of the settings there were, or of the defaults. Raises BadRequestError."""
    if description.kind != _KIND:
        raise BadRequestError(f"This broker has queues only; a {description.kind} cannot be created.")
    if "AuthorizationRules" in description.nested:
        raise BadRequestError("AuthorizationRules: this broker does not check who a client is.")
    fields: dict[str, Any] = {each.field: _read(each, description, before) for each in PROPERTIES}
    return replace(before, **fields)


def queue_entry(entity: Entity, namespace_url: str) -> Entry:
    """A queue with its properties and its counts; the namespace's address ends with a slash."""
    content = element(
        _KIND, _properties(entity, namespace_url) + _state(entity), {"xmlns": SERVICE_BUS, "xmlns:i": INSTANCE}
    )
    return Entry(entity.queue.name, namespace_url + entity.queue.name, entity.created_at, entity.updated_at, content)


def _read(prop: Property, description: Description, before: QueueSettings) -> object:
    text = description.properties.get(prop.element)
    if text is None:
        return getattr(QueueSettings(before.name) if prop.optional else before, prop.field)
    if prop.element in description.nested:
        raise BadRequestError(f"{prop.element}: it has to be text.")
    try:
        return prop.form.read(text.strip())
    except ValueError as error:
        raise BadRequestError(f"{prop.element}: {error}.") from error


def _properties(entity: Entity, namespace_url: str) -> str:
    written = {each: each.form.write(getattr(entity.queue.settings, each.field)) for each in PROPERTIES}
    # As the service does, whatever form of address the client used.
    written |= {each: namespace_url + written[each] for each in _FORWARDING if written[each]}
    return "".join(leaf(each.element, text) for each, text in written.items() if text or not each.optional)


def _state(entity: Entity) -> str:
    counts = entity.queue.counts()
    by_kind = {
        "ActiveMessageCount": counts.active,
        "DeadLetterMessageCount": counts.dead_letter,
        "ScheduledMessageCount": counts.scheduled,
        "TransferMessageCount": counts.transfer,
        "TransferDeadLetterMessageCount": counts.transfer_dead_letter,
    }
    details = "".join(leaf(f"d2p1:{kind}", str(count)) for kind, count in by_kind.items())
    return (
        leaf("SizeInBytes", str(entity.queue.size))
        + leaf("MessageCount", str(sum(by_kind.values())))
        + element("CountDetails", details, {"xmlns:d2p1": COUNTS})
        + leaf("CreatedAt", timestamp(entity.created_at))
        + leaf("UpdatedAt", timestamp(entity.updated_at))
        + leaf("AccessedAt", timestamp(entity.accessed_at))
        + leaf("IsAnonymousAccessible", "false")
        + leaf("SupportOrdering", "true")
        + leaf("EntityAvailabilityStatus", "Available")
    )
