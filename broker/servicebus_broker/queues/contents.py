"""The part of a queue that survives its process."""

from dataclasses import dataclass, field

from servicebus_broker.queues.message import Message


@dataclass(slots=True)
class Contents:
    """The contents of a queue.

    ``messages`` and ``locked`` go by sequence number; ``seen`` maps the ids that duplicate detection remembers to their
    times, oldest first. Locks themselves are not kept, only which messages were locked.
    """

    last_sequence_number: int = 0
    messages: dict[int, Message] = field(default_factory=dict)
    locked: set[int] = field(default_factory=set)
    session_states: dict[str, bytes] = field(default_factory=dict)
    seen: dict[str, float] = field(default_factory=dict)
