"""Valid names of queues."""

import re

from servicebus_broker.queues.errors import ArgumentError

MAX_LENGTH = 260
# Segments of letters, digits, '.', '-', '_' and '~' that begin and end with a letter, digit or '_'.
_SEGMENT = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9._~-]*[A-Za-z0-9_])?")


def check_name(name: str) -> None:
    """Raises ArgumentError unless Service Bus accepts the name of a queue: a path without reserved segments."""
    if not name or len(name) > MAX_LENGTH:
        raise ArgumentError(f"The name of a queue has 1 to {MAX_LENGTH} characters, not {len(name)}.")
    for segment in name.split("/"):
        if not _SEGMENT.fullmatch(segment):
            raise ArgumentError(
                f"'{name}' contains character(s) that is not allowed by Service Bus. Entity segments can contain only "
                "letters, numbers, periods (.), hyphens (-), and underscores (_)."
            )
