"""Queues on the command line: ``orders``, ``replies,session``, ``once,dup``."""

from servicebus_broker.config import ConfigError
from servicebus_broker.queues.errors import ArgumentError
from servicebus_broker.queues.names import check_name
from servicebus_broker.queues.settings import QueueSettings

FEATURES = ("session", "dup")


def parse_queues(texts: list[str]) -> list[QueueSettings]:
    """The queues that the options name. Raises ConfigError."""
    queues = [_parse_queue(text) for text in texts]
    names = [queue.name.lower() for queue in queues]
    for name in names:
        if names.count(name) > 1:
            raise ConfigError(f"--queue {name} is given twice")
    return queues


def _parse_queue(text: str) -> QueueSettings:
    name, *features = text.split(",")
    if unknown := [feature for feature in features if feature not in FEATURES]:
        raise ConfigError(f"--queue {text}: {', '.join(unknown)} is not one of {', '.join(FEATURES)}")
    try:
        check_name(name)
    except ArgumentError as error:
        raise ConfigError(f"--queue {text}: {error}") from error
    return QueueSettings(name, requires_session="session" in features, requires_duplicate_detection="dup" in features)
