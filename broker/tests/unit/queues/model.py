"""The behaviour of a queue in the simplest terms: one list, searched from the start each time."""

from collections.abc import Callable
from dataclasses import dataclass, field

from servicebus_broker.queues.settings import FOREVER, QueueSettings


@dataclass
class Entry:
    """A message: of its three states, ``active``, ``deferred`` and ``scheduled``, only the last has a ``due``."""

    text: str
    number: int
    session: str | None
    message_id: str | None
    ttl: float
    state: str = "active"
    due: float = FOREVER
    expires: float = FOREVER
    count: int = 0
    token: bytes | None = None
    until: float = FOREVER


@dataclass
class Model:
    """The queue, and its dead-letter queue as a list. ``holders`` has the end of the lock of each held session."""

    settings: QueueSettings
    clock: Callable[[], float]
    entries: list[Entry] = field(default_factory=list)
    dead: dict[str, tuple[str, int]] = field(default_factory=dict)
    seen: dict[str, float] = field(default_factory=dict)
    states: dict[str, bytes] = field(default_factory=dict)
    holders: dict[str, float] = field(default_factory=dict)
    numbers: int = 0

    def send(self, text: str, session: str | None, message_id: str | None, ttl: float, at: float | None) -> None:
        now = self.clock()
        if self.settings.requires_duplicate_detection and message_id is not None:
            if self.seen.get(message_id, -FOREVER) + self.settings.duplicate_detection_window > now:
                if not self._is_scheduled(message_id):
                    self.numbers += 1
                return
            self.seen[message_id] = now
        self.numbers += 1
        entry = Entry(text, self.numbers, session, message_id, ttl)
        self.entries.append(entry)
        if at is not None and at > now:
            entry.state, entry.due = "scheduled", at
        else:
            entry.expires = now + min(ttl, self.settings.default_time_to_live)

    def advance(self) -> None:
        now = self.clock()
        for entry in sorted(self.entries, key=lambda each: (each.due, each.number)):
            if entry.due <= now:
                self.numbers += 1
                entry.number, entry.state, entry.due = self.numbers, "active", FOREVER
                entry.expires = now + min(entry.ttl, self.settings.default_time_to_live)
        for entry in [each for each in self.entries if each.until <= now]:
            self.fail(entry)
        self.holders = {name: until for name, until in self.holders.items() if until > now}
        for entry in [each for each in self.entries if each.token is None and each.expires <= now]:
            self._expire(entry)

    def next_due(self) -> float:
        unlocked = [each for each in self.entries if each.token is None]
        return min(
            [each.due for each in self.entries]
            + [each.until for each in self.entries]
            + [each.expires for each in unlocked]
            + list(self.holders.values()),
            default=FOREVER,
        )

    def next_ready(self, session: str | None = None) -> Entry | None:
        """The message that a receiver gets next."""
        ready = [e for e in self.entries if e.state == "active" and e.token is None and e.session == session]
        return min(ready, key=lambda each: each.number, default=None)

    def available(self) -> set[str]:
        """The sessions that have a message and no holder."""
        sessions = {each.session for each in self.entries if each.session and self.next_ready(each.session)}
        return sessions - self.holders.keys()

    def find(self, number: int, state: str) -> Entry | None:
        """The message with a number that can be received, or cancelled, by it."""
        found = [e for e in self.entries if e.number == number and e.state == state and e.token is None]
        return found[0] if found else None

    def locked_by(self, token: bytes) -> Entry | None:
        found = [each for each in self.entries if each.token == token]
        return found[0] if found else None

    def lock(self, entry: Entry, token: bytes) -> None:
        entry.token = token
        lasts = self.clock() + self.settings.lock_duration
        entry.until = self.holders[entry.session] if entry.session is not None else lasts

    def give_back(self, entry: Entry) -> None:
        entry.token, entry.until = None, FOREVER
        if entry.expires <= self.clock():
            self._expire(entry)

    def fail(self, entry: Entry) -> None:
        """Count a failed delivery."""
        entry.count += 1
        if entry.count >= self.settings.max_delivery_count:
            self.bury(entry, "MaxDeliveryCountExceeded")
        else:
            self.give_back(entry)

    def bury(self, entry: Entry, reason: str) -> None:
        self.entries.remove(entry)
        self.dead[entry.text] = (reason, entry.count)

    def hold(self, session: str) -> None:
        """Take a session, or renew its lock, with the locks of its messages."""
        self.holders[session] = self.clock() + self.settings.lock_duration
        for entry in self.entries:
            if entry.session == session and entry.token is not None:
                entry.until = self.holders[session]

    def release(self, session: str) -> None:
        del self.holders[session]
        for entry in [each for each in self.entries if each.session == session and each.token is not None]:
            self.give_back(entry)

    def restart(self) -> None:
        """All locks have expired, in the order of the messages' numbers."""
        self.holders.clear()
        for entry in sorted(self.entries, key=lambda each: each.number):
            if entry.token is not None:
                self.fail(entry)

    def _expire(self, entry: Entry) -> None:
        if self.settings.dead_letter_on_expiration:
            self.bury(entry, "TTLExpiredException")
        else:
            self.entries.remove(entry)

    def _is_scheduled(self, message_id: str) -> bool:
        return any(each.message_id == message_id and each.state == "scheduled" for each in self.entries)
