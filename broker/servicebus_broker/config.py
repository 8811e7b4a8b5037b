"""Reads the official Service Bus emulator's ``Config.json``."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from servicebus_broker.properties import PROPERTIES
from servicebus_broker.queues.access import check_targets
from servicebus_broker.queues.errors import ArgumentError
from servicebus_broker.queues.names import check_name
from servicebus_broker.queues.settings import QueueSettings

_TYPE_NAMES = {str: "text", int: "an integer", bool: "true or false"}


class ConfigError(ValueError):
    """The configuration is wrong, or asks for a feature that this broker does not have; the message says where."""


def read_config(path: Path) -> list[QueueSettings]:
    """The queues of every namespace in the file. Raises ConfigError."""
    try:
        queues = list(_read_queues(json.loads(path.read_text())))
        _check_together(queues)
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from error
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: not JSON: {error}") from error
    except (ConfigError, ArgumentError) as error:
        raise ConfigError(f"{path}: {error}") from error
    return queues


def _read_queues(document: object) -> Iterator[QueueSettings]:
    user_config = document.get("UserConfig") if isinstance(document, dict) else None
    if not isinstance(user_config, dict) or "Namespaces" not in user_config:
        raise ConfigError("not a configuration of the Service Bus emulator, which has UserConfig with Namespaces")
    for namespace in _objects(user_config, "Namespaces"):
        for topic in _objects(namespace, "Topics"):
            raise ConfigError(
                f"topic '{topic.get('Name')}': this broker has no topics, subscriptions and filters, only queues"
            )
        for queue in _objects(namespace, "Queues"):
            yield _read_queue(queue)


def _objects(parent: Mapping[str, object], key: str) -> list[dict[str, object]]:
    children = parent.get(key) or []
    if not isinstance(children, list) or not all(isinstance(child, dict) for child in children):
        raise ConfigError(f"{key} is not a list of objects")
    return children


def _read_queue(queue: Mapping[str, object]) -> QueueSettings:
    name = queue.get("Name")
    if not isinstance(name, str) or not name:
        raise ConfigError("a queue without a Name")
    check_name(name)
    properties = queue.get("Properties") or {}
    if not isinstance(properties, dict):
        raise ConfigError(f"queue '{name}': Properties is not an object")
    try:
        return QueueSettings(name, **_fields(properties))
    except ValueError as error:
        raise ConfigError(f"queue '{name}': {error}") from error


def _fields(properties: Mapping[str, object]) -> dict[str, Any]:
    """The given properties, as fields of `QueueSettings`, each of its type. Raises ValueError."""
    # The emulator writes a property that is not set as null or as an empty text.
    given = {key: value for key, value in properties.items() if value not in (None, "")}
    if unknown := sorted(given.keys() - {each.name for each in PROPERTIES}):
        raise ValueError(f"unknown property {', '.join(unknown)}")
    fields = {}
    for each in PROPERTIES:
        if each.name not in given:
            continue
        value = given[each.name]
        if type(value) is not each.form.json_type:
            raise ValueError(f"{each.name}: it has to be {_TYPE_NAMES[each.form.json_type]}, not {json.dumps(value)}")
        try:
            fields[each.field] = each.form.read(str(value))
        except ValueError as error:
            raise ValueError(f"{each.name}: {error}") from error
    return fields


def _check_together(queues: list[QueueSettings]) -> None:
    names = Counter(queue.name.lower() for queue in queues)
    for name, times in names.items():
        if times > 1:
            raise ConfigError(f"queue '{name}' is defined twice")
    for queue in queues:
        check_targets(queue, lambda target: target.lower() in names)
