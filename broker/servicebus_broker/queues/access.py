"""The operations that the settings of a queue allow."""

from collections.abc import Callable

from servicebus_broker.queues.errors import ArgumentError, EntityDisabledError, InvalidOperationError, QueueError
from servicebus_broker.queues.settings import EntityStatus, QueueSettings

_UNCHANGEABLE = ("name", "requires_session", "requires_duplicate_detection", "enable_partitioning")


def check_can_send(settings: QueueSettings, *, is_dead_letter_queue: bool) -> None:
    """Raises InvalidOperationError and EntityDisabledError."""
    if is_dead_letter_queue:
        raise InvalidOperationError("Messages cannot be sent to a dead-letter queue.")
    if not settings.status.can_send:
        raise _disabled(settings, "Send")


def receive_refusal(settings: QueueSettings) -> QueueError | None:
    """The reason why nobody can receive; None if receiving is possible."""
    if settings.forward_to is not None:
        return InvalidOperationError(
            f"Cannot create a message receiver on an entity with auto-forwarding enabled: '{settings.name}' forwards "
            f"to '{settings.forward_to}'."
        )
    if not settings.status.can_receive:
        return _disabled(settings, "Receive")
    return None


def check_targets(settings: QueueSettings, exists: Callable[[str], bool]) -> None:
    """Raises ArgumentError for a queue that cannot forward to the targets in its settings."""
    name = settings.name
    if settings.requires_session and settings.forward_to is not None:
        raise ArgumentError(f"'{name}' requires sessions, and cannot forward for that reason.")
    for target in (settings.forward_to, settings.forward_dead_letters_to):
        if target is not None and target.lower() == name.lower():
            raise ArgumentError(f"'{name}' cannot forward to itself.")
        if target is not None and not exists(target):
            raise ArgumentError(f"'{name}' cannot forward to '{target}', which does not exist.")


def check_reconfiguration(old: QueueSettings, new: QueueSettings) -> None:
    """Raises InvalidOperationError for a property that Service Bus does not change in an existing queue."""
    changed = [name for name in _UNCHANGEABLE if getattr(old, name) != getattr(new, name)]
    if changed:
        raise InvalidOperationError(f"Once the queue '{old.name}' exists, {', '.join(changed)} cannot be changed.")


def _disabled(settings: QueueSettings, operations: str) -> EntityDisabledError:
    every = settings.status is EntityStatus.DISABLED
    which = "" if every else f" for {operations} operations"
    return EntityDisabledError(f"Messaging entity '{settings.name}' is currently disabled{which}.")
