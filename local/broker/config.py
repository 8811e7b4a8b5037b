"""Reads the official Service Bus emulator's ``Config.json``."""

import json
import re
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from local.broker.queues.access import check_targets
from local.broker.queues.errors import ArgumentError
from local.broker.queues.settings import FOREVER, EntityStatus, QueueSettings

_DURATION = re.compile(
    r"P(?:(?P<days>\d+)D)?(?:T(?:(?P<hours>\d+)H)?(?:(?P<minutes>\d+)M)?(?:(?P<seconds>\d+(?:\.\d+)?)S)?)?"
)
_SECONDS = {"days": 86_400, "hours": 3_600, "minutes": 60, "seconds": 1}
# Longer than this is .NET's TimeSpan.MaxValue or near it: for ever.
_LONGEST = 100 * 365 * 86_400
_KIB, _MIB = 1024, 1024 * 1024
_DAY = 86_400


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
    names = Counter(queue.name.lower() for queue in queues)
    for name, times in names.items():
        if times > 1:
            raise ConfigError(f"{path}: queue '{name}' is defined twice")
    for queue in queues:
        try:
            check_targets(queue, lambda target: target.lower() in names)
        except ArgumentError as error:
            raise ConfigError(f"{path}: {error}") from error
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
        name = topics[0].get("Name") if isinstance(topics[0], dict) else topics[0]
        raise ConfigError(f"topic '{name}': this broker has no topics, subscriptions and filters, only queues")
    queues = namespace.get("Queues") or []
    if not isinstance(queues, list) or not all(isinstance(queue, dict) for queue in queues):
        raise ConfigError("Queues is not a list of objects")
    return [_read_queue(queue) for queue in queues]


def _read_queue(queue: Mapping[str, object]) -> QueueSettings:
    name = queue.get("Name")
    if not isinstance(name, str) or not name:
        raise ConfigError("a queue without a Name")
    properties = queue.get("Properties") or {}
    if not isinstance(properties, dict):
        raise ConfigError(f"queue '{name}': Properties is not an object")
    return _Properties(name, properties).settings()


class _Properties:
    """A queue's ``Properties``. Those of the emulator, and, named as in its administration, some that it lacks."""

    def __init__(self, queue: str, values: Mapping[str, object]) -> None:
        self._queue = queue
        # The emulator writes what is not set as null or as an empty text.
        self._values = {key: value for key, value in values.items() if value not in (None, "")}

    def settings(self) -> QueueSettings:
        default = QueueSettings(self._queue)
        settings = QueueSettings(
            name=self._queue,
            lock_duration=self._duration("LockDuration", default.lock_duration, longest=300),
            max_delivery_count=self._integer("MaxDeliveryCount", default.max_delivery_count, 2000),
            default_time_to_live=self._duration("DefaultMessageTimeToLive", default.default_time_to_live),
            dead_letter_on_expiration=self._flag("DeadLetteringOnMessageExpiration"),
            requires_session=self._flag("RequiresSession"),
            requires_duplicate_detection=self._flag("RequiresDuplicateDetection"),
            duplicate_detection_window=self._duration(
                "DuplicateDetectionHistoryTimeWindow", default.duplicate_detection_window, longest=7 * _DAY
            ),
            forward_to=self._text("ForwardTo") or None,
            forward_dead_letters_to=self._text("ForwardDeadLetteredMessagesTo") or None,
            max_size=self._integer("MaxSizeInMegabytes", default.max_size // _MIB, 80 * 1024) * _MIB,
            max_message_size=self._integer("MaxMessageSizeInKilobytes", default.max_message_size // _KIB, 1024) * _KIB,
            status=self._status("Status"),
            auto_delete_on_idle=self._duration("AutoDeleteOnIdle", default.auto_delete_on_idle, shortest=300),
            user_metadata=self._text("UserMetadata"),
        )
        if self._values:
            raise self._error(f"unknown property {', '.join(sorted(self._values))}")
        return settings

    def _duration(self, key: str, default: float, shortest: float = 0.001, longest: float = FOREVER) -> float:
        value = self._values.pop(key, None)
        if value is None:
            return default
        try:
            seconds = parse_duration(str(value))
        except ValueError as error:
            raise self._error(f"{key}: {error}") from error
        if not shortest <= seconds <= longest:
            limits = f"from {shortest:g} s" + (f" to {longest:g} s" if longest < FOREVER else "")
            raise self._error(f"{key} must be {limits}, not {value}")
        return seconds

    def _integer(self, key: str, default: int, largest: int) -> int:
        value = self._values.pop(key, default)
        if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= largest:
            raise self._error(f"{key} must be an integer from 1 to {largest}, not {value!r}")
        return value

    def _flag(self, key: str) -> bool:
        value = self._values.pop(key, False)
        if not isinstance(value, bool):
            raise self._error(f"{key} must be true or false, not {value!r}")
        return value

    def _text(self, key: str) -> str:
        value = self._values.pop(key, "")
        if not isinstance(value, str):
            raise self._error(f"{key} must be text, not {value!r}")
        return value

    def _status(self, key: str) -> EntityStatus:
        value = self._values.pop(key, EntityStatus.ACTIVE.value)
        try:
            return EntityStatus(value)
        except ValueError as error:
            statuses = ", ".join(each.value for each in EntityStatus)
            raise self._error(f"{key} must be one of {statuses}, not {value!r}") from error

    def _error(self, what: str) -> ConfigError:
        return ConfigError(f"queue '{self._queue}': {what}")
