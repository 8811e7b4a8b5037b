"""Reads the official Service Bus emulator's ``Config.json``."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from servicebus_broker.lenient_json import read_json
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
        document = read_json(path.read_bytes())
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{path}: not JSON: {error}") from error
    try:
        queues = list(_read_queues(document))
        _check_together(queues)
    except (ConfigError, ArgumentError) as error:
        raise ConfigError(f"{path}: {error}") from error
    return queues


def _read_queues(document: object) -> Iterator[QueueSettings]:
    user_config = document.get("UserConfig") if isinstance(document, dict) else None
    if not isinstance(document, dict) or not isinstance(user_config, dict) or "Namespaces" not in user_config:
        raise ConfigError("not a configuration of the Service Bus emulator, which has UserConfig with Namespaces")
    _check_keys(document, "", "UserConfig")
    _check_keys(user_config, "UserConfig", "Namespaces", "Logging")
    _check_logging(user_config.get("Logging"))
    for namespace, where in _objects(user_config, "Namespaces", "UserConfig"):
        _check_keys(namespace, where, "Name", "Queues", "Topics")
        for topic, _ in _objects(namespace, "Topics", where):
            raise ConfigError(
                f"topic '{topic.get('Name')}': this broker has no topics, subscriptions and filters, only queues"
            )
        for queue, at in _objects(namespace, "Queues", where):
            yield _read_queue(queue, at)


def _objects(parent: Mapping[str, object], key: str, where: str) -> Iterator[tuple[dict[str, object], str]]:
    """The objects of a list, each with its path."""
    children = parent.get(key)
    if children is None:
        return
    if not isinstance(children, list) or not all(isinstance(child, dict) for child in children):
        raise ConfigError(f"{where}.{key} is not a list of objects")
    for index, child in enumerate(children):
        yield child, f"{where}.{key}[{index}]"


def _check_keys(value: Mapping[str, object], where: str, *known: str) -> None:
    """A key with a typing error must not be read as one that is missing."""
    if unknown := sorted(value.keys() - set(known)):
        paths = ", ".join(f"{where}.{key}".lstrip(".") for key in unknown)
        raise ConfigError(f"unknown key {paths}; known there: {', '.join(known)}")


def _check_logging(logging: object) -> None:
    """Where the emulator logs; this broker logs to standard error."""
    if logging is None:
        return
    if not isinstance(logging, dict):
        raise ConfigError("UserConfig.Logging is not an object")
    _check_keys(logging, "UserConfig.Logging", "Type")


def _read_queue(queue: Mapping[str, object], where: str) -> QueueSettings:
    _check_keys(queue, where, "Name", "Properties")
    name = queue.get("Name")
    if not isinstance(name, str) or not name:
        raise ConfigError(f"{where}: a queue without a Name")
    check_name(name)
    properties = queue.get("Properties")
    if properties is None:
        return QueueSettings(name)
    if not isinstance(properties, dict):
        raise ConfigError(f"queue '{name}': Properties is not an object")
    _check_keys(properties, f"queue '{name}': Properties", *(each.name for each in PROPERTIES))
    try:
        return QueueSettings(name, **_fields(properties))
    except ValueError as error:
        raise ConfigError(f"queue '{name}': {error}") from error


def _fields(properties: Mapping[str, object]) -> dict[str, Any]:
    """The given properties, as fields of `QueueSettings`, each of its type. Raises ValueError."""
    fields = {}
    for each in PROPERTIES:
        value = properties.get(each.name)
        # The emulator writes a property that is not set as null or as an empty text.
        if value is None or value == "":
            continue
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
