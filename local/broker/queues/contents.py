"""Everything about a queue that outlives its process."""

from dataclasses import dataclass, field

from local.broker.queues.message import Message, MessageState
from local.broker.queues.recorder import Recorder


@dataclass(slots=True)
class Contents:
    """A recorder that applies what it hears: after every change to a queue, it holds what the queue holds.

    ``messages`` and ``locked`` go by sequence number, ``seen`` maps the ids that duplicate detection remembers to when
    they came. Locks themselves are not kept, only which messages were out with a receiver.
    """

    last_sequence_number: int = 0
    messages: dict[int, Message] = field(default_factory=dict)
    locked: set[int] = field(default_factory=set)
    session_states: dict[str, bytes] = field(default_factory=dict)
    seen: dict[str, float] = field(default_factory=dict)

    def stored(self, message: Message) -> None:
        self.messages[message.sequence_number] = message
        self.locked.discard(message.sequence_number)
        self.numbered(message.sequence_number)

    def changed(self, number: int, state: MessageState, delivery_count: int, *, locked: bool) -> None:
        message = self.messages[number]
        message.state = state
        message.delivery_count = delivery_count
        (self.locked.add if locked else self.locked.discard)(number)

    def removed(self, number: int) -> None:
        del self.messages[number]
        self.locked.discard(number)

    def numbered(self, number: int) -> None:
        self.last_sequence_number = max(self.last_sequence_number, number)

    def seen_at(self, message_id: str, at: float) -> None:
        self.seen[message_id] = at

    def session_state_set(self, session_id: str, state: bytes | None) -> None:
        if state is None:
            self.session_states.pop(session_id, None)
        else:
            self.session_states[session_id] = state

    def tell(self, recorder: Recorder) -> None:
        """The shortest series of changes that leads here from an empty queue."""
        for message in self.messages.values():
            recorder.stored(message)
        for number in self.locked:
            message = self.messages[number]
            recorder.changed(number, message.state, message.delivery_count, locked=True)
        for session_id, state in self.session_states.items():
            recorder.session_state_set(session_id, state)
        for message_id, at in self.seen.items():
            recorder.seen_at(message_id, at)
        recorder.numbered(self.last_sequence_number)
