"""A Service Bus queue, or its dead-letter queue, as a pure object: all rules of delivery, without the wire."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from servicebus_broker.amqp.sections import Sections
from servicebus_broker.queues.access import check_can_send, check_reconfiguration, receive_refusal
from servicebus_broker.queues.clock import Clock
from servicebus_broker.queues.contents import Contents
from servicebus_broker.queues.deadlines import Alarm
from servicebus_broker.queues.errors import InvalidOperationError, MessageSizeExceededError
from servicebus_broker.queues.forwarding import Forwarding
from servicebus_broker.queues.intake import Intake
from servicebus_broker.queues.message import Message, MessageState
from servicebus_broker.queues.placement import Placement
from servicebus_broker.queues.recorder import Recorder
from servicebus_broker.queues.sessions import SessionHolder, SessionLock, SessionTable
from servicebus_broker.queues.settings import QueueSettings


@dataclass(frozen=True, slots=True)
class QueueCounts:
    """The runtime counts of a queue: locked and deferred messages are active, messages to be forwarded are not."""

    active: int
    scheduled: int
    dead_letter: int
    transfer: int
    transfer_dead_letter: int = 0


class Queue:
    """The messages of one entity.

    ``dead_letters`` is the queue for undeliverable messages. A queue without one is a dead-letter queue itself: nobody
    can send to it, and its messages leave it only by being received or forwarded. ``find`` returns the queue of a name,
    to forward to. ``on_ready`` is called whenever a message, or a session without a holder, may have become available
    or unavailable; it must not call the queue. The owner calls `advance` at `next_due`; ``on_due`` tells it when that
    becomes earlier. Every operation advances too, so a late timer never changes a result. Times are running times of
    ``clock``.
    """

    def __init__(
        self,
        settings: QueueSettings,
        clock: Clock,
        *,
        dead_letters: Queue | None = None,
        on_ready: Callable[[Queue], None] = lambda queue: None,
        on_due: Callable[[float], None] = lambda due: None,
        find: Callable[[str], Queue | None] = lambda name: None,
    ) -> None:
        self.settings = settings
        self.dead_letters = dead_letters
        self.clock = clock
        self._alarm = Alarm(on_due)
        self._placement: Placement = Placement(
            settings, self._alarm, lambda: on_ready(self), dead_letters._placement if dead_letters is not None else None
        )
        self._intake = Intake(self._placement, self._alarm, clock.from_wall)
        self._forwarding = Forwarding(self._placement, find)
        self._can_receive = receive_refusal(settings) is None

    @property
    def name(self) -> str:
        return self.settings.name

    @property
    def sessions(self) -> SessionTable:
        return self._placement.sessions

    @property
    def size(self) -> int:
        """Bytes held, including the dead-letter queue."""
        return self._placement.storage.used

    def counts(self) -> QueueCounts:
        """The number of messages in each state; O(1)."""
        scheduled, transfer = len(self._intake.schedule), len(self._placement.ready) if self.settings.forward_to else 0
        return QueueCounts(
            active=len(self._placement.log) - scheduled - transfer,
            scheduled=scheduled,
            dead_letter=len(self.dead_letters._placement.log) if self.dead_letters is not None else 0,
            transfer=transfer,
        )

    # Settings

    def reconfigure(self, settings: QueueSettings) -> None:
        """Use other settings from now on, also in the dead-letter queue.

        Existing locks and expiries stay as they are. Raises InvalidOperationError for a property that Service Bus does
        not change.
        """
        check_reconfiguration(self.settings, settings)
        self.advance()
        placement = self._placement
        self.settings = placement.settings = settings
        self._can_receive = receive_refusal(settings) is None
        placement.locks.duration = settings.lock_duration
        self._intake.history.window = settings.duplicate_detection_window
        placement.settings_changed()
        if self.dead_letters is not None:
            self.dead_letters.reconfigure(settings.for_dead_letters())

    def check_can_send(self) -> None:
        """Raises a QueueError if nobody can send to this queue."""
        check_can_send(self.settings, is_dead_letter_queue=self.dead_letters is None)

    def check_can_receive(self) -> None:
        """Raises a QueueError if nobody can receive from this queue."""
        refusal = receive_refusal(self.settings)
        if refusal is not None:
            raise refusal

    # Time

    def next_due(self) -> float:
        """The time when `advance` has something to do; FOREVER if nothing is pending."""
        return self._alarm.next_due()

    def advance(self) -> float:
        """Do the work that is due: enqueue scheduled messages, end expired locks and sessions, expire and forward
        messages.

        Returns the time that it used.
        """
        now = self.clock()
        if now >= self._alarm.due:
            self._do_what_is_due(now)
            self._alarm.next_due()
        return now

    def _do_what_is_due(self, now: float) -> None:
        placement = self._placement
        self._intake.activate_due(now)
        for token in placement.locks.deadlines.take_due(now):
            placement.delivery_failed(placement.unlock(token))
        for session_id in placement.sessions.deadlines.take_due(now):
            session = placement.sessions.get(session_id)
            if session is not None:
                placement.expire_session(session)
        for number in placement.expiries.take_due(now):
            message = placement.log.get(number)
            if message is not None:
                placement.expire(message)
        for _ in placement.transfers.take_due(now):
            self._forwarding.run(now)

    # Persistence

    def record_to(self, recorder: Recorder) -> None:
        """Report every change from now on to a recorder."""
        self._placement.log.recorder = recorder

    def contents(self) -> Contents:
        """A copy of everything that has to be kept."""
        log = self._placement.log
        messages, locked = log.contents()
        seen = self._intake.history.seen(self.clock())
        return Contents(log.last_sequence_number, messages, locked, self.sessions.states(), seen)

    def restore(self, contents: Contents) -> None:
        """Fill a new queue with the contents of a former one. All its locks have expired.

        The recorder is told of the resulting changes only.
        """
        now = self.clock()
        placement = self._placement
        placement.log.last_sequence_number = max(placement.log.last_sequence_number, contents.last_sequence_number)
        self._intake.history.restore(contents.seen)
        for session_id, state in contents.session_states.items():
            placement.restore_session_state(self.sessions.get_or_create(session_id), state, now)
        for message in contents.messages.values():
            if message.state is MessageState.SCHEDULED:
                self._intake.restore_scheduled(message, now)
            else:
                placement.restore(message, locked=message.sequence_number in contents.locked)

    # Sending

    def send(self, messages: Sequence[Sections]) -> list[int]:
        """Add messages, all or none; returns their sequence numbers.

        Messages with a scheduled enqueue time in the future wait until then, and can be cancelled by their number.
        Duplicates are dropped silently, as in Service Bus; the duplicate of a message that is still scheduled gets the
        number of that message.
        """
        now = self.advance()
        self.check_can_send()
        return self._intake.take(messages, now)

    def cancel(self, sequence_numbers: Iterable[int]) -> None:
        """Withdraw scheduled messages. Raises MessageNotFoundError, and then withdraws none."""
        self.advance()
        self._intake.cancel(sequence_numbers)

    def has_room_for(self, message: Message) -> bool:
        """Whether `take_over` may be called."""
        return self.settings.status.can_send and self.size + message.size <= self.settings.max_size

    def take_over(self, message: Message) -> None:
        """Add a message that another queue forwards, under a new number; its time to live starts again."""
        self._intake.take_over(message, self.clock())

    # Receiving

    @property
    def has_ready(self) -> bool:
        """Whether `receive` without a session would find a message."""
        return self._can_receive and bool(self._placement.ready)

    def receive(self, session_lock: SessionLock | None = None, *, delete: bool = False) -> Message | None:
        """The next message (of a session), locked for its receiver, or removed if ``delete``."""
        now = self.advance()
        placement = self._placement
        if not self._can_receive:
            self.check_can_receive()
        session = placement.sessions.held(session_lock) if session_lock else None
        message = (session.ready if session else placement.ready).take()
        if message is None:
            return None
        self._deliver(message, session_lock, now, delete=delete)
        if session:
            placement.sessions.refresh(session)
        return message

    def receive_deferred(
        self, sequence_numbers: Iterable[int], session_lock: SessionLock | None = None, *, delete: bool = False
    ) -> list[Message]:
        """The deferred messages with these numbers, locked or removed. Raises MessageNotFoundError."""
        now = self.advance()
        if session_lock is not None:
            self.sessions.held(session_lock)
        log = self._placement.log
        messages = [log.find(number, MessageState.DEFERRED) for number in dict.fromkeys(sequence_numbers)]
        for message in messages:
            self._deliver(message, session_lock, now, delete=delete)
        return messages

    def peek(self, from_sequence_number: int, count: int, session_id: str | None = None) -> list[Message]:
        """Up to ``count`` messages in any state, without locking them."""
        self.advance()
        messages = self._placement.log.from_sequence_number(from_sequence_number)
        return list(islice((each for each in messages if session_id in (None, each.session_id)), count))

    def _deliver(self, message: Message, session_lock: SessionLock | None, now: float, *, delete: bool) -> None:
        if delete:
            self._placement.remove(message)
        else:
            self._placement.expiries.discard(message.sequence_number)
            self._placement.lock(message, session_lock.session if session_lock else None, now)

    # Settling

    def complete(self, token: bytes) -> None:
        """Remove a message. This and the other settlements raise MessageLockLostError."""
        self.advance()
        placement = self._placement
        placement.log.remove(placement.unlock(token))

    def abandon(self, token: bytes, properties: Mapping[str, object] | None = None) -> None:
        """Return a message, with its delivery count raised and these application properties set."""
        self.advance()
        self._placement.delivery_failed(self._unlock(token, properties))

    def release(self, token: bytes) -> None:
        """Return a message as if it had never been delivered."""
        self.advance()
        self._placement.put_back(self._placement.unlock(token))

    def defer(self, token: bytes, properties: Mapping[str, object] | None = None) -> None:
        """Set a message aside, to be received by its sequence number only, with these application properties set."""
        self.advance()
        message = self._unlock(token, properties)
        message.state = MessageState.DEFERRED
        self._placement.put_back(message)

    def dead_letter(
        self,
        token: bytes,
        reason: str | None = None,
        description: str | None = None,
        properties: Mapping[str, object] | None = None,
    ) -> None:
        """Move a message to the dead-letter queue, with these application properties set."""
        self.advance()
        self._placement.move_to_dead_letters(self._unlock(token, properties), reason, description)

    def renew_lock(self, token: bytes) -> float:
        """Extend a message's lock; returns its new end."""
        return self._placement.locks.renew(token, self.advance())

    def _unlock(self, token: bytes, properties: Mapping[str, object] | None) -> Message:
        message = self._placement.unlock(token)
        if properties:
            self._placement.log.set_properties(message, properties)
        return message

    # Sessions

    def accept_session(self, session_id: str | None, holder: SessionHolder) -> SessionLock | None:
        """Lock a session by its id, or the next available one (None if there is none).

        Raises SessionCannotBeLockedError and InvalidOperationError.
        """
        now = self.advance()
        self.check_can_receive()
        if not self.settings.requires_session:
            raise InvalidOperationError(
                f"A sessionful message receiver cannot be created on '{self.name}', which does not require sessions."
            )
        sessions = self.sessions
        session = sessions.next_available() if session_id is None else sessions.get_or_create(session_id)
        return sessions.acquire(session, now + self.settings.lock_duration, holder) if session else None

    def renew_session(self, lock: SessionLock) -> float:
        """Extend a session's lock; returns its new end. Raises SessionLockLostError."""
        now = self.advance()
        self.sessions.renew(lock, now + self.settings.lock_duration)
        return lock.until

    def release_session(self, lock: SessionLock) -> None:
        """Unlock a session; its unsettled messages are available again, with unchanged delivery counts.

        Only the loss of a session's lock by time counts as a delivery: learn.microsoft.com, "Message sessions", "Impact
        of delivery count"; the Service Bus team in Azure/azure-sdk-for-js#1311.
        """
        self.advance()
        session = lock.session
        if session.lock is not lock:
            return
        for token in list(session.in_flight):
            self._placement.put_back(self._placement.unlock(token))
        self._placement.free_session(session)

    def set_session_state(self, lock: SessionLock, state: bytes | None) -> None:
        """Raises SessionLockLostError, QuotaExceededError and MessageSizeExceededError."""
        self.advance()
        session = self.sessions.held(lock)
        if state is not None:
            self._check_state(state, len(session.id) + len(state) - session.state_size)
        self._placement.set_session_state(session, state, self.clock())

    def session_state(self, lock: SessionLock) -> bytes | None:
        """Raises SessionLockLostError."""
        self.advance()
        return self.sessions.held(lock).state

    def _check_state(self, state: bytes, growth: int) -> None:
        if len(state) > self.settings.max_message_size:
            raise MessageSizeExceededError(
                f"The session's state has {len(state)} bytes; '{self.name}' takes {self.settings.max_message_size}."
            )
        self._placement.check_room(growth)
