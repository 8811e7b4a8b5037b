"""A queue behaves like a simple model of one, after any operations.

Nothing is lost, nothing is delivered to two receivers at a time, sessions keep their order, deliveries are counted, and
dead letters have their reason. More examples: ``BROKER_EXAMPLES=1000 pytest tests/unit/queues/test_model.py``; by
default they are always the same few.
"""

import os
from collections.abc import Callable

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    MultipleResults,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    multiple,
    precondition,
    rule,
)

from servicebus_broker.journal.definitions import Definition
from servicebus_broker.journal.frames import Span
from servicebus_broker.journal.records import RecordWriter, defined_record
from servicebus_broker.journal.replay import Replay
from servicebus_broker.queues.errors import (
    MessageLockLostError,
    MessageNotFoundError,
    SessionCannotBeLockedError,
    SessionLockLostError,
)
from servicebus_broker.queues.message import Message
from servicebus_broker.queues.queue import Queue
from servicebus_broker.queues.sessions import SessionLock
from servicebus_broker.queues.settings import FOREVER, QueueSettings
from tests.unit.journal.journaled import text, wire
from tests.unit.queues.conftest import FakeClock, Holder, dead_letters, reason, token
from tests.unit.queues.model import Entry, Model

EXAMPLES = os.environ.get("BROKER_EXAMPLES")
PROFILE = settings(max_examples=int(EXAMPLES or 300), stateful_step_count=40, derandomize=EXAMPLES is None)
LOCK = 20.0
PLAIN = QueueSettings(
    "queue",
    lock_duration=LOCK,
    max_delivery_count=3,
    default_time_to_live=60,
    dead_letter_on_expiration=True,
    requires_duplicate_detection=True,
    duplicate_detection_window=40,
)
SESSIONS = QueueSettings("queue", lock_duration=LOCK, max_delivery_count=2, requires_session=True)
SETTLEMENTS = st.sampled_from(["complete", "abandon", "release", "defer", "dead_letter"])
NUMBERS = st.integers(1, 30)
TTL = st.sampled_from([FOREVER, 10.0])
DELAY = st.sampled_from([None, None, 15.0])


class Records:
    """All records of a queue and its dead-letter queue."""

    def __init__(self, of: QueueSettings) -> None:
        self._data = bytearray(defined_record(0, Definition(of, configured=True)))

    def emit(self, record: bytes) -> None:
        self._data += record

    def has_room(self) -> bool:
        return True

    def record(self, queue: Queue) -> None:
        queue.record_to(RecordWriter(self, 0))
        dead_letters(queue).record_to(RecordWriter(self, 1))

    def restore(self, queue: Queue) -> None:
        """Fill a new queue as a start of the broker does."""
        replay = Replay()
        data = memoryview(bytes(self._data))
        replay.sources.add(data)
        replay.apply(data, Span(0, len(data)))
        self.record(queue)
        queue.restore(replay.queues[0].contents())
        dead_letters(queue).restore(replay.queues[1].contents())


def text_of(received: Message | None) -> str | None:
    """The text of a message of `wire`."""
    return text(received.sections) if received else None


class Comparison(RuleBasedStateMachine):
    """The common part of queues with and without sessions."""

    of: QueueSettings
    tokens = Bundle[bytes]("tokens")

    def __init__(self) -> None:
        super().__init__()
        self.clock = FakeClock()
        self.model = Model(self.of, self.clock)
        self.records = Records(self.of)
        self.queue = self.new_queue()
        self.records.record(self.queue)
        self.sent = 0

    def new_queue(self) -> Queue:
        graves = Queue(self.of.for_dead_letters(), self.clock)
        return Queue(self.of, self.clock, dead_letters=graves)

    def send_one(self, session: str | None, message_id: str | None, ttl: float, delay: float | None) -> None:
        self.sent += 1
        name = f"message {self.sent}"
        at = None if delay is None else self.clock.now + delay
        lives = None if ttl == FOREVER else int(ttl * 1000)
        self.queue.send([wire(name, session=session, message_id=message_id, ttl=lives, at=at)])
        self.model.send(name, session, message_id, ttl, at)

    def handed_out(self, received: Message | None, expected: Entry | None, *, delete: bool) -> list[bytes]:
        """Check the message that a receiver got; returns its token, if there is one."""
        assert text_of(received) == (expected.text if expected else None)
        if received is None or expected is None:
            return []
        assert (received.sequence_number, received.delivery_count) == (expected.number, expected.count)
        if delete:
            assert received.lock is None
            self.model.entries.remove(expected)
            return []
        self.model.lock(expected, token(received))
        return [token(received)]

    @rule(lock=consumes(tokens), how=SETTLEMENTS)
    def settle(self, lock: bytes, how: str) -> None:
        queue, model = self.queue, self.model
        settlement: Callable[[bytes], None] = {
            "complete": queue.complete,
            "abandon": queue.abandon,
            "release": queue.release,
            "defer": queue.defer,
            "dead_letter": lambda token: queue.dead_letter(token, "told so"),
        }[how]
        entry = model.locked_by(lock)
        if entry is None:
            with pytest.raises(MessageLockLostError):
                settlement(lock)
            return
        settlement(lock)
        match how:
            case "complete":
                model.entries.remove(entry)
            case "abandon":
                model.fail(entry)
            case "dead_letter":
                model.bury(entry, "told so")
            case _:
                entry.state = "deferred" if how == "defer" else entry.state
                model.give_back(entry)

    @rule(number=NUMBERS)
    def cancel(self, number: int) -> None:
        entry = self.model.find(number, "scheduled")
        if entry is None:
            with pytest.raises(MessageNotFoundError):
                self.queue.cancel([number])
        else:
            self.queue.cancel([number])
            self.model.entries.remove(entry)

    @precondition(lambda self: self.model.dead)
    @rule(again=st.booleans())
    def take_a_dead_letter(self, again: bool) -> None:
        graves = dead_letters(self.queue)
        dead = graves.receive()
        assert dead is not None
        name, told = text(dead.sections), (reason(dead)[0], dead.delivery_count)
        assert told == self.model.dead.pop(name)
        if again:
            graves.abandon(token(dead))
            self.model.dead[name] = (told[0], dead.delivery_count)
        else:
            graves.complete(token(dead))

    @rule(seconds=st.sampled_from([1.0, 5.0, 10.0, LOCK, 45.0]))
    def time_passes(self, seconds: float) -> None:
        self.clock.advance(seconds)
        self.queue.advance()
        self.model.advance()

    @rule()
    def restart(self) -> None:
        self.queue = self.new_queue()
        self.records.restore(self.queue)
        self.model.restart()

    @invariant()
    def all_is_as_the_model(self) -> None:
        # The owner of a queue does this at once when something is due.
        self.queue.advance()
        self.check_messages()
        self.check_dead_letters()
        self.check_counts()

    def check_messages(self) -> None:
        held = [
            (text_of(each), each.sequence_number, each.state.name.lower(), each.delivery_count, each.lock is not None)
            for each in self.queue.peek(0, 1000)
        ]
        entries = sorted(self.model.entries, key=lambda each: each.number)
        assert held == [(each.text, each.number, each.state, each.count, each.token is not None) for each in entries]
        assert self.queue.next_due() == self.model.next_due()

    def check_dead_letters(self) -> None:
        graves = dead_letters(self.queue).peek(0, 1000)
        assert {text_of(each): (reason(each)[0], each.delivery_count) for each in graves} == self.model.dead

    def check_counts(self) -> None:
        counts = self.queue.counts()
        scheduled = sum(each.state == "scheduled" for each in self.model.entries)
        assert (counts.active, counts.scheduled) == (len(self.model.entries) - scheduled, scheduled)
        assert (counts.dead_letter, counts.transfer) == (len(self.model.dead), 0)
        held = [*self.queue.peek(0, 1000), *dead_letters(self.queue).peek(0, 1000)]
        states = sum(len(name) + len(state) for name, state in self.model.states.items())
        assert self.queue.size == sum(each.size for each in held) + states


class Plain(Comparison):
    """A queue without sessions: with expiry and duplicate detection."""

    of = PLAIN
    tokens = Comparison.tokens

    @rule(message_id=st.sampled_from([None, None, "1", "2"]), ttl=TTL, delay=DELAY)
    def send(self, message_id: str | None, ttl: float, delay: float | None) -> None:
        self.send_one(None, message_id, ttl, delay)

    @rule(target=tokens, delete=st.booleans())
    def receive(self, delete: bool) -> MultipleResults[bytes]:
        expected = self.model.next_ready()
        return multiple(*self.handed_out(self.queue.receive(delete=delete), expected, delete=delete))

    @rule(target=tokens, number=NUMBERS, delete=st.booleans())
    def receive_deferred(self, number: int, delete: bool) -> MultipleResults[bytes]:
        expected = self.model.find(number, "deferred")
        if expected is None:
            with pytest.raises(MessageNotFoundError):
                self.queue.receive_deferred([number], delete=delete)
            return multiple()
        (received,) = self.queue.receive_deferred([number], delete=delete)
        return multiple(*self.handed_out(received, expected, delete=delete))

    @rule(lock=tokens)
    def renew(self, lock: bytes) -> None:
        entry = self.model.locked_by(lock)
        if entry is None:
            with pytest.raises(MessageLockLostError):
                self.queue.renew_lock(lock)
        else:
            self.model.lock(entry, lock)
            assert self.queue.renew_lock(lock) == entry.until


class Sessions(Comparison):
    """A queue with sessions."""

    of = SESSIONS
    tokens = Comparison.tokens
    locks = Bundle[SessionLock]("locks")
    names = st.sampled_from(["a", "b", "c"])

    @initialize()
    def start(self) -> None:
        self.current: dict[str, SessionLock] = {}

    def is_held(self, lock: SessionLock) -> bool:
        """Whether the lock still holds its session."""
        return lock.session.id in self.model.holders and self.current.get(lock.session.id) is lock

    @rule(name=names, ttl=TTL, delay=DELAY)
    def send(self, name: str, ttl: float, delay: float | None) -> None:
        self.send_one(name, None, ttl, delay)

    @rule(target=locks, name=st.none() | names)
    def accept(self, name: str | None) -> SessionLock | MultipleResults[SessionLock]:
        if name is not None and name in self.model.holders:
            with pytest.raises(SessionCannotBeLockedError):
                self.queue.accept_session(name, Holder())
            return multiple()
        lock = self.queue.accept_session(name, Holder())
        if lock is None:
            assert name is None
            assert not self.model.available()
            return multiple()
        assert lock.session.id == name if name is not None else lock.session.id in self.model.available()
        self.model.hold(lock.session.id)
        self.current[lock.session.id] = lock
        return lock

    @rule(target=tokens, lock=locks, delete=st.booleans())
    def receive(self, lock: SessionLock, delete: bool) -> MultipleResults[bytes]:
        if not self.is_held(lock):
            with pytest.raises(SessionLockLostError):
                self.queue.receive(lock)
            return multiple()
        expected = self.model.next_ready(lock.session.id)
        return multiple(*self.handed_out(self.queue.receive(lock, delete=delete), expected, delete=delete))

    @rule(lock=locks)
    def renew(self, lock: SessionLock) -> None:
        if not self.is_held(lock):
            with pytest.raises(SessionLockLostError):
                self.queue.renew_session(lock)
            return
        self.model.hold(lock.session.id)
        assert self.queue.renew_session(lock) == self.model.holders[lock.session.id]

    @rule(lock=consumes(locks))
    def release(self, lock: SessionLock) -> None:
        held = self.is_held(lock)
        self.queue.release_session(lock)
        if held:
            self.model.release(lock.session.id)

    @rule(lock=locks, state=st.sampled_from([None, b"", b"some"]))
    def set_state(self, lock: SessionLock, state: bytes | None) -> None:
        if not self.is_held(lock):
            with pytest.raises(SessionLockLostError):
                self.queue.set_session_state(lock, state)
            return
        self.queue.set_session_state(lock, state)
        self.model.states.pop(lock.session.id, None)
        if state is not None:
            self.model.states[lock.session.id] = state

    @rule()
    def restart(self) -> None:
        for lock in self.current.values():
            # The lock belongs to a queue that is gone, and holds nothing in the model either.
            lock.session.lock = None
        self.current.clear()
        super().restart()

    @invariant()
    def states_and_listing_are_as_the_model(self) -> None:
        assert self.queue.sessions.states() == self.model.states
        active = {each.session for each in self.model.entries if each.state == "active"}
        deferred = {each.session for each in self.model.entries if each.state == "deferred" and each.token}
        assert set(self.queue.sessions.ids_with_content()) == active | deferred | self.model.states.keys()


Plain.TestCase.settings = Sessions.TestCase.settings = PROFILE
TestPlain = Plain.TestCase
TestSessions = Sessions.TestCase
