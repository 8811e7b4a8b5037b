"""After any operations on queues, the records of the journal lead to their contents."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from servicebus_broker.journal.definitions import Definition
from servicebus_broker.journal.frames import Span
from servicebus_broker.journal.records import RecordWriter, defined_record
from servicebus_broker.journal.replay import Replay
from servicebus_broker.queues.contents import Contents
from servicebus_broker.queues.errors import QueueError
from servicebus_broker.queues.message import Message
from servicebus_broker.queues.queue import Queue
from servicebus_broker.queues.sessions import SessionLock
from servicebus_broker.queues.settings import QueueSettings
from tests.unit.journal.journaled import make_queues, wire
from tests.unit.queues.conftest import FakeClock, Holder

WINDOW = 40
PLAIN = QueueSettings(
    "plain",
    lock_duration=20,
    max_delivery_count=2,
    default_time_to_live=60,
    dead_letter_on_expiration=True,
    requires_duplicate_detection=True,
    duplicate_detection_window=WINDOW,
)
SESSIONS = QueueSettings("sessions", lock_duration=20, max_delivery_count=2, requires_session=True)

IDS = st.sampled_from([None, "1", "2", "3"])
NAMES = st.sampled_from(["a", "b"])
SETTLEMENTS = st.sampled_from(["complete", "abandon", "release", "defer", "dead_letter"])
ANY = st.integers(0, 1000)


class Records:
    """Takes records, and applies them to a replay."""

    def __init__(self) -> None:
        self._replay = Replay()
        self._pending = bytearray()

    def emit(self, record: bytes) -> None:
        self._pending += record

    def has_room(self) -> bool:
        return True

    @property
    def replay(self) -> Replay:
        """The result of all records."""
        records = memoryview(bytes(self._pending))
        self._replay.sources.add(records)
        self._replay.apply(records, Span(0, len(records)))
        self._pending.clear()
        return self._replay

    def contents(self) -> list[Contents]:
        return [queue.contents() for queue in self.replay.queues.values()]


class Operations(RuleBasedStateMachine):
    """Random operations on a queue, its dead-letter queue and a queue with sessions."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = FakeClock()
        self.queues = make_queues(self.clock, [PLAIN, SESSIONS])
        self.records = Records()
        for entity, queue_settings in enumerate([PLAIN, SESSIONS]):
            self.records.emit(defined_record(entity, Definition(queue_settings, configured=True)))
        for index, queue in enumerate(self.queues):
            queue.record_to(RecordWriter(self.records, index))
        self.locked: list[tuple[Queue, bytes]] = []
        self.sessions: list[SessionLock] = []

    def took(self, queue: Queue, *messages: Message | None) -> None:
        self.locked += [(queue, each.lock.token) for each in messages if each and each.lock]

    @rule(ids=st.lists(IDS, min_size=1, max_size=3), ttl=st.sampled_from([None, 5000]), late=st.sampled_from([None, 9]))
    def send(self, ids: list[str | None], ttl: int | None, late: float | None) -> None:
        at = None if late is None else self.clock.now + late
        self.queues[0].send([wire("text", message_id=each, ttl=ttl, at=at) for each in ids])

    @rule(name=NAMES)
    def send_to_session(self, name: str) -> None:
        self.queues[2].send([wire("text", session=name)])

    @rule(of=st.sampled_from([0, 1, 3]), delete=st.booleans())
    def receive(self, of: int, delete: bool) -> None:
        self.took(self.queues[of], self.queues[of].receive(delete=delete))

    @rule(of=st.integers(0, 3), delete=st.booleans(), number=st.integers(1, 20))
    def receive_deferred(self, of: int, delete: bool, number: int) -> None:
        try:
            self.took(self.queues[of], *self.queues[of].receive_deferred([number], delete=delete))
        except QueueError:
            return

    @rule(how=SETTLEMENTS, which=ANY)
    def settle(self, how: str, which: int) -> None:
        if not self.locked:
            return
        queue, token = self.locked.pop(which % len(self.locked))
        try:
            getattr(queue, how)(token)
        except QueueError:
            return

    @rule(number=st.integers(1, 20))
    def cancel(self, number: int) -> None:
        try:
            self.queues[0].cancel([number])
        except QueueError:
            return

    @rule(name=NAMES)
    def accept_session(self, name: str) -> None:
        try:
            lock = self.queues[2].accept_session(name, Holder())
        except QueueError:
            return
        if lock is not None:
            self.sessions.append(lock)

    @rule(which=ANY, what=st.sampled_from(["receive", "state", "no state", "release"]))
    def use_session(self, which: int, what: str) -> None:
        if not self.sessions:
            return
        lock = self.sessions[which % len(self.sessions)]
        queue = self.queues[2]
        try:
            match what:
                case "receive":
                    self.took(queue, queue.receive(lock))
                case "release":
                    queue.release_session(lock)
                case _:
                    queue.set_session_state(lock, b"state" if what == "state" else None)
        except QueueError:
            return

    @rule(seconds=st.integers(1, 30))
    def time_passes(self, seconds: int) -> None:
        self.clock.advance(seconds)
        for queue in self.queues:
            queue.advance()

    @invariant()
    def replay_equals_the_live_state(self) -> None:
        for queue, replayed in zip(self.queues, self.records.contents(), strict=True):
            replayed.seen = {key: at for key, at in replayed.seen.items() if at + WINDOW > self.clock.now}
            assert replayed == queue.contents()
        assert self.records.replay.orphans == 0

    @invariant()
    def a_snapshot_says_the_same(self) -> None:
        snapshot = Records()
        for _ in self.records.replay.write_records(snapshot, self.clock.now):
            pass
        assert snapshot.contents() == [queue.contents() for queue in self.queues]

    @invariant()
    def restoring_records_only_what_it_changes(self) -> None:
        queues = make_queues(self.clock, [PLAIN, SESSIONS])
        restored = Records()
        for _ in self.records.replay.write_records(restored, self.clock.now):
            pass
        before = restored.contents()
        for index, queue in enumerate(queues):
            queue.record_to(RecordWriter(restored, index))
        for queue, contents in zip(queues, before, strict=True):
            queue.restore(contents)
        assert restored.contents() == [queue.contents() for queue in queues]


Operations.TestCase.settings = settings(max_examples=40, stateful_step_count=40)
TestReplay = Operations.TestCase
