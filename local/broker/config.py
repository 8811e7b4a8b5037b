"""Reads the official Service Bus emulator's ``Config.json``."""

import json
import re
from collections.abc import Mapping
from pathlib import Path

from local.broker.queues.settings import FOREVER, QueueSettings

_DURATION = re.compile(
    r"P(?:(?P<days>\d+)D)?(?:T(?:(?P<hours>\d+)H)?(?:(?P<minutes>\d+)M)?(?:(?P<seconds>\d+(?:\.\d+)?)S)?)?"
)
_SECONDS = {"days": 86_400, "hours": 3_600, "minutes": 60, "seconds": 1}
# Longer than this is .NET's TimeSpan.MaxValue or near it: for ever.
_LONGEST = 100 * 365 * 86_400


class ConfigError(ValueError):
    """The file says something that this broker cannot do, or that makes no sense; the message names the entity."""


def read_config(path: Path) -> list[QueueSettings]:
    """The queues of every namespace in the file. Raises ConfigError."""
    try:
        document = json.loads(path.read_text())
        namespaces = document["UserConfig"]["Namespaces"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigError(f"{path}: not an emulator configuration: {error!r}") from error
    queues = [queue for namespace in namespaces for queue in _read_namespace(namespace)]
    names = [queue.name.lower() for queue in queues]
    for name in names:
        if names.count(name) > 1:
            raise ConfigError(f"{path}: queue '{name}' is defined twice")
    return queues


def parse_duration(text: str) -> float:
    """Seconds of an ISO 8601 duration such as ``PT1M`` or ``P1DT2H``. Raises ValueError."""
    match = _DURATION.fullmatch(text)
    if match is None or text in ("P", "") or text.endswith("T"):
        raise ValueError(f"'{text}' is not an ISO 8601 duration such as PT1M")
    seconds = sum(float(value) * _SECONDS[unit] for unit, value in match.groupdict().items() if value)
    return FOREVER if seconds > _LONGEST else seconds


def _read_namespace(namespace: Mapping[str, object]) -> list[QueueSettings]:
    topics = namespace.get("Topics") or []
    if isinstance(topics, list) and topics:
        raise ConfigError(f"topic '{topics[0].get('Name')}': topics are not supported by this broker")
    queues = namespace.get("Queues") or []
    if not isinstance(queues, list):
        raise ConfigError("Queues is not a list")
    return [_read_queue(queue) for queue in queues]


def _read_queue(queue: Mapping[str, object]) -> QueueSettings:
    name = queue.get("Name")
    if not isinstance(name, str) or not name:
        raise ConfigError("a queue without a Name")
    properties = queue.get("Properties") or {}
    if not isinstance(properties, dict):
        raise ConfigError(f"queue '{name}': Properties is not an object")
    unknown = properties.keys() - _PROPERTIES
    if unknown:
        raise ConfigError(f"queue '{name}': unknown property {', '.join(sorted(unknown))}")
    for forwarding in ("ForwardTo", "ForwardDeadLetteredMessagesTo"):
        if properties.get(forwarding):
            raise ConfigError(f"queue '{name}': {forwarding} is not supported by this broker")
    return _settings(name, properties)


_PROPERTIES = {
    "DeadLetteringOnMessageExpiration",
    "DefaultMessageTimeToLive",
    "DuplicateDetectionHistoryTimeWindow",
    "ForwardDeadLetteredMessagesTo",
    "ForwardTo",
    "LockDuration",
    "MaxDeliveryCount",
    "RequiresDuplicateDetection",
    "RequiresSession",
}


def _settings(name: str, properties: Mapping[str, object]) -> QueueSettings:
    defaults = QueueSettings(name)

    def duration(key: str, default: float) -> float:
        value = properties.get(key)
        if value is None:
            return default
        try:
            seconds = parse_duration(str(value))
        except ValueError as error:
            raise ConfigError(f"queue '{name}': {key}: {error}") from error
        if seconds <= 0:
            raise ConfigError(f"queue '{name}': {key} must be longer than 0")
        return seconds

    def flag(key: str) -> bool:
        value = properties.get(key, False)
        if not isinstance(value, bool):
            raise ConfigError(f"queue '{name}': {key} must be true or false, not {value!r}")
        return value

    count = properties.get("MaxDeliveryCount", defaults.max_delivery_count)
    if not isinstance(count, int) or isinstance(count, bool) or count < 1:
        raise ConfigError(f"queue '{name}': MaxDeliveryCount must be a positive integer, not {count!r}")
    return QueueSettings(
        name=name,
        lock_duration=duration("LockDuration", defaults.lock_duration),
        max_delivery_count=count,
        default_time_to_live=duration("DefaultMessageTimeToLive", defaults.default_time_to_live),
        dead_letter_on_expiration=flag("DeadLetteringOnMessageExpiration"),
        requires_session=flag("RequiresSession"),
        requires_duplicate_detection=flag("RequiresDuplicateDetection"),
        duplicate_detection_window=duration("DuplicateDetectionHistoryTimeWindow", defaults.duplicate_detection_window),
    )
