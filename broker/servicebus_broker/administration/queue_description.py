"""A queue as a ``QueueDescription``, in the order of elements that the service uses, and back."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from servicebus_broker.administration.atom import COUNTS, INSTANCE, SERVICE_BUS, Entry, element, leaf, timestamp
from servicebus_broker.administration.errors import BadRequestError
from servicebus_broker.administration.reading import Description
from servicebus_broker.properties import PROPERTIES, Property
from servicebus_broker.queues.settings import QueueSettings
from servicebus_broker.service.entity import Entity

_KIND = "QueueDescription"
_FORWARDING = [each for each in PROPERTIES if each.name.startswith("Forward")]


def read_settings(description: Description, before: QueueSettings) -> QueueSettings:
    """The former settings, or the defaults, changed as a description says. Raises BadRequestError."""
    if description.kind != _KIND:
        raise BadRequestError(f"This broker has queues only; a {description.kind} cannot be created.")
    if "AuthorizationRules" in description.nested:
        raise BadRequestError("AuthorizationRules: this broker does not check who a client is.")
    fields: dict[str, Any] = {each.field: _read(each, description, before) for each in PROPERTIES}
    return replace(before, **fields)


def queue_entry(entity: Entity, namespace_url: str) -> Entry:
    """A queue with its properties and counts; the namespace's address ends with a slash."""
    content = element(
        _KIND, _properties(entity, namespace_url) + _state(entity), {"xmlns": SERVICE_BUS, "xmlns:i": INSTANCE}
    )
    created_at, updated_at = entity.clock.to_wall(entity.created_at), entity.clock.to_wall(entity.updated_at)
    return Entry(entity.queue.name, namespace_url + entity.queue.name, created_at, updated_at, content)


def _read(prop: Property, description: Description, before: QueueSettings) -> object:
    text = description.properties.get(prop.name)
    if text is None:
        return getattr(QueueSettings(before.name) if prop.optional else before, prop.field)
    if prop.name in description.nested:
        raise BadRequestError(f"{prop.name}: it has to be text.")
    try:
        return prop.form.read(text.strip())
    except ValueError as error:
        raise BadRequestError(f"{prop.name}: {error}.") from error


def _properties(entity: Entity, namespace_url: str) -> str:
    written = {each: each.form.write(getattr(entity.queue.settings, each.field)) for each in PROPERTIES}
    # The service does the same for every form of address.
    written |= {each: namespace_url + written[each] for each in _FORWARDING if written[each]}
    return "".join(leaf(each.name, text) for each, text in written.items() if text or not each.optional)


def _state(entity: Entity) -> str:
    counts, to_wall = entity.queue.counts(), entity.clock.to_wall
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
        + leaf("CreatedAt", timestamp(to_wall(entity.created_at)))
        + leaf("UpdatedAt", timestamp(to_wall(entity.updated_at)))
        + leaf("AccessedAt", timestamp(to_wall(entity.accessed_at)))
        + leaf("IsAnonymousAccessible", "false")
        + leaf("SupportOrdering", "true")
        + leaf("EntityAvailabilityStatus", "Available")
    )
