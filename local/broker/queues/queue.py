"""A Service Bus queue, or its dead-letter queue, as a pure object: every rule of delivery, nothing of the wire."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import islice

from local.broker.amqp.sections import Sections
from local.broker.queues.admission import check
from local.broker.queues.contents import Contents
from local.broker.queues.deadlines import Deadlines
from local.broker.queues.duplicates import DuplicateHistory
from local.broker.queues.errors import InvalidOperationError, QuotaExceededError
from local.broker.queues.locks import LockTable
from local.broker.queues.log import MessageLog
from local.broker.queues.message import Message, MessageState, scheduled_enqueue_time
from local.broker.queues.ready import ReadyMessages
from local.broker.queues.recorder import Recorder
from local.broker.queues.sessions import Session, SessionHolder, SessionLock, SessionTable
from local.broker.queues.settings import FOREVER, QueueSettings

Clock = Callable[[], float]

EXPIRED = ("TTLExpiredException", "The message expired and was dead lettered.")
UNDELIVERABLE = "MaxDeliveryCountExceeded"
_UNCHANGEABLE = ("name", "requires_session", "requires_duplicate_detection", "enable_partitioning")


class Queue:
    """The messages of one entity.

    ``dead_letters`` is where undeliverable messages go; a queue without is a dead-letter queue itself: nothing is sent
    to it, and nothing leaves it but by being received. ``on_ready`` is called whenever a message, or a session that
    nobody holds, may have become available; it must not call back. Whoever owns the queue calls `advance` at
    `next_due`; every operation does so too, so a late timer never changes what is observed.
    """

    def __init__(
        self,
        settings: QueueSettings,
        clock: Clock,
        *,
        dead_letters: Queue | None = None,
        on_ready: Callable[[Queue], None] = lambda queue: None,
    ) -> None:
        self.settings = settings
        self.dead_letters = dead_letters
        self.sessions = SessionTable()
        self._clock = clock
        self._on_ready = on_ready
        self._log = MessageLog()
        self._ready = ReadyMessages()
        self._history = DuplicateHistory(settings.duplicate_detection_window)
        self._locks = LockTable(settings.lock_duration)
        self._expiry_deadlines: Deadlines[int] = Deadlines()
        self._schedule: Deadlines[int] = Deadlines()

    # Counting and time

    @property
    def name(self) -> str:
        return self.settings.name

    def counts(self) -> dict[str, int]:
        """How many messages are active (locked and deferred ones included) and scheduled."""
        scheduled = len(self._schedule)
        return {"active": len(self._log) - scheduled, "scheduled": scheduled}

    def reconfigure(self, settings: QueueSettings) -> None:
        """Go by other settings from now on, and the dead-letter queue by what follows from them.

        Locks and expiries that are set already stay as they are. Raises InvalidOperationError for what Service Bus does
        not change.
        """
        changed = [name for name in _UNCHANGEABLE if getattr(settings, name) != getattr(self.settings, name)]
        if changed:
            raise InvalidOperationError(f"Once the queue '{self.name}' exists, {', '.join(changed)} cannot be changed.")
        self.settings = settings
        if self.dead_letters is not None:
            self.dead_letters.reconfigure(settings.for_dead_letters())

    def next_due(self) -> float:
        """When `advance` has something to do; FOREVER if nothing is pending."""
        return min(
            self._schedule.next_due(),
            self._locks.deadlines.next_due(),
            self._expiry_deadlines.next_due(),
            self.sessions.deadlines.next_due(),
        )

    def advance(self) -> float:
        """Do what is due: enqueue what was scheduled, release expired locks and sessions, expire messages.

        Returns the time it went by.
        """
        now = self._clock()
        for number in self._schedule.take_due(now):
            self._activate(self._log.get(number), now)
        for token in self._locks.deadlines.take_due(now):
            self._delivery_failed(self._unlock(token), now)
        for session_id in self.sessions.deadlines.take_due(now):
            self._lose_session(self.sessions.get(session_id), now)
        for number in self._expiry_deadlines.take_due(now):
            self._expire(self._log.get(number))
        return now

    # Outliving the process

    def record_to(self, recorder: Recorder) -> None:
        """Tell a recorder of every change from now on."""
        self._log.recorder = recorder

    def contents(self) -> Contents:
        """What is to be kept, as a copy."""
        messages, locked = self._log.contents()
        return Contents(
            self._log.last_sequence_number,
            messages,
            locked,
            self.sessions.states(),
            self._history.seen(self._clock()),
        )

    def restore(self, contents: Contents) -> None:
        """Take up, as a new queue, what another one held. To its receivers, every lock of it has expired.

        Recorders hear of what that changes, and not of what is as it was.
        """
        now = self._clock()
        self._log.last_sequence_number = max(self._log.last_sequence_number, contents.last_sequence_number)
        self._history.restore(contents.seen)
        for session_id, state in contents.session_states.items():
            self.sessions.get_or_create(session_id).state = state
        for message in contents.messages.values():
            self._log.restore(message)
            if message.sequence_number in contents.locked:
                self._delivery_failed(message, now)
            elif message.state is MessageState.SCHEDULED:
                due = scheduled_enqueue_time(message.sections)
                self._schedule.set(message.sequence_number, now if due is None else due)
            elif message.expires_at <= now:
                self._expire(message)
            else:
                self._make_available(message)

    # Sending

    def send(self, messages: Sequence[Sections]) -> list[int]:
        """Add messages, all or none; returns their sequence numbers.

        Those with a scheduled enqueue time in the future wait until then, and their number cancels them. Duplicates
        are dropped silently, as Service Bus does.
        """
        now = self.advance()
        if self.dead_letters is None:
            raise InvalidOperationError("Messages cannot be sent to a dead-letter queue.")
        self._check_room()
        times = [scheduled_enqueue_time(sections) for sections in messages]
        for sections in messages:
            check(sections, self.settings)
        return [self._accept(sections, time, now) for sections, time in zip(messages, times, strict=True)]

    def cancel(self, sequence_numbers: Iterable[int]) -> None:
        """Withdraw scheduled messages. Raises MessageNotFoundError, and then withdraws none."""
        self.advance()
        for message in [self._log.find(number, MessageState.SCHEDULED) for number in sequence_numbers]:
            self._schedule.discard(message.sequence_number)
            self._log.remove(message)

    def _accept(self, sections: Sections, scheduled_for: float | None, now: float) -> int:
        number = self._log.next_sequence_number()
        if self._is_duplicate(sections, now):
            self._log.recorder.numbered(number)
            return number
        message = Message(sections, number, enqueued_at=now, expires_at=FOREVER)
        if scheduled_for is not None and scheduled_for > now:
            message.state = MessageState.SCHEDULED
            self._log.add(message)
            self._schedule.set(number, scheduled_for)
        else:
            self._enqueue(message, now)
        return number

    def _is_duplicate(self, sections: Sections, now: float) -> bool:
        if not self.settings.requires_duplicate_detection or sections.message_id is None:
            return False
        message_id = str(sections.message_id)
        if self._history.is_duplicate(message_id, now):
            return True
        self._log.recorder.seen_at(message_id, now)
        return False

    def _activate(self, message: Message | None, now: float) -> None:
        if message is None:
            return
        self._log.remove(message)
        # As in Service Bus: a scheduled message is appended, under a new number, when its time comes.
        message.sequence_number = self._log.next_sequence_number()
        message.enqueued_at = now
        message.state = MessageState.ACTIVE
        self._enqueue(message, now)

    def _enqueue(self, message: Message, now: float) -> None:
        ttl = FOREVER if message.sections.ttl is None else message.sections.ttl / 1000
        message.expires_at = now + min(ttl, self.settings.default_time_to_live)
        self._log.add(message)
        self._expiry_deadlines.set(message.sequence_number, message.expires_at)
        self._make_ready(message)

    # Receiving

    @property
    def has_ready(self) -> bool:
        """Whether `receive` without a session would find a message."""
        return bool(self._ready)

    def receive(self, session_lock: SessionLock | None = None, *, delete: bool = False) -> Message | None:
        """The next message (of a session), locked for its receiver, or gone from the queue if ``delete``."""
        now = self.advance()
        session = self.sessions.held(session_lock) if session_lock else None
        message = (session.ready if session else self._ready).take()
        if message is None:
            return None
        self._expiry_deadlines.discard(message.sequence_number)
        if delete:
            self._log.remove(message)
        else:
            self._lock(message, session, now)
        if session:
            self.sessions.refresh(session)
        return message

    def receive_deferred(
        self, sequence_numbers: Iterable[int], session_lock: SessionLock | None = None, *, delete: bool = False
    ) -> list[Message]:
        """The deferred messages of these numbers, locked or gone. Raises MessageNotFoundError."""
        now = self.advance()
        session = self.sessions.held(session_lock) if session_lock else None
        messages = [self._log.find(number, MessageState.DEFERRED) for number in sequence_numbers]
        for message in messages:
            self._expiry_deadlines.discard(message.sequence_number)
            if delete:
                self._log.remove(message)
            else:
                self._lock(message, session, now)
        return messages

    def peek(self, from_sequence_number: int, count: int, session_id: str | None = None) -> list[Message]:
        """Up to ``count`` messages in any state, without locking them."""
        self.advance()
        messages = self._log.from_sequence_number(from_sequence_number)
        return list(islice((each for each in messages if session_id in (None, each.session_id)), count))

    # Settling

    def complete(self, token: bytes) -> None:
        """Remove a message. This and the other settlements raise MessageLockLostError."""
        self.advance()
        self._log.remove(self._unlock(token))

    def abandon(self, token: bytes, properties: Mapping[str, object] | None = None) -> None:
        """Give a message back, with its delivery count raised and these application properties set."""
        now = self.advance()
        self._delivery_failed(self._unlock(token), now)

    def release(self, token: bytes) -> None:
        """Give a message back as if it had never been delivered."""
        now = self.advance()
        self._put_back(self._unlock(token), now)

    def defer(self, token: bytes, properties: Mapping[str, object] | None = None) -> None:
        """Set a message aside, to be received by its sequence number only, with these application properties set."""
        now = self.advance()
        message = self._unlock(token)
        message.state = MessageState.DEFERRED
        self._put_back(message, now)

    def dead_letter(
        self,
        token: bytes,
        reason: str | None = None,
        description: str | None = None,
        properties: Mapping[str, object] | None = None,
    ) -> None:
        """Move a message to the dead-letter queue, with these application properties set."""
        self.advance()
        self._move_to_dead_letters(self._unlock(token), reason, description)

    def renew_lock(self, token: bytes) -> float:
        """Extend a message's lock; returns until when it now holds."""
        return self._locks.renew(token, self.advance())

    # Sessions

    def accept_session(self, session_id: str | None, holder: SessionHolder) -> SessionLock | None:
        """Lock a session by its id, or the next available one (None if there is none).

        Raises SessionCannotBeLockedError and InvalidOperationError.
        """
        now = self.advance()
        if not self.settings.requires_session:
            raise InvalidOperationError(
                f"A sessionful message receiver cannot be created on '{self.name}', which does not require sessions."
            )
        if session_id is None:
            session = self.sessions.next_available()
            if session is None:
                return None
        else:
            session = self.sessions.get_or_create(session_id)
        return self.sessions.acquire(session, now + self.settings.lock_duration, holder)

    def renew_session(self, lock: SessionLock) -> float:
        """Extend a session's lock; returns until when it now holds. Raises SessionLockLostError."""
        now = self.advance()
        self.sessions.renew(lock, now + self.settings.lock_duration)
        return lock.until

    def release_session(self, lock: SessionLock) -> None:
        """Let go of a session; what was not settled is available again, its delivery count unchanged."""
        now = self.advance()
        session = lock.session
        if session.lock is not lock:
            return
        for token in list(session.in_flight):
            self._put_back(self._unlock(token), now)
        self._free_session(session)

    def set_session_state(self, lock: SessionLock, state: bytes | None) -> None:
        """Raises SessionLockLostError and QuotaExceededError."""
        self.advance()
        session = self.sessions.held(lock)
        if state is not None:
            self._check_room()
        session.state = state
        self._log.recorder.session_state_set(lock.session.id, state)

    def session_state(self, lock: SessionLock) -> bytes | None:
        """Raises SessionLockLostError."""
        self.advance()
        return self.sessions.held(lock).state

    # How messages change their place

    def _check_room(self) -> None:
        if not self._log.recorder.has_room():
            raise QuotaExceededError("The broker's disk is full. Receive messages, or make room on the disk.")

    def _make_ready(self, message: Message) -> None:
        if not self.settings.requires_session:
            self._ready.add(message)
            self._on_ready(self)
        elif message.session_id is not None:
            session = self.sessions.get_or_create(message.session_id)
            session.ready.add(message)
            self.sessions.refresh(session)
            if session.lock is None:
                self._on_ready(self)
            else:
                session.lock.holder.session_ready()

    def _lock(self, message: Message, session: Session | None, now: float) -> None:
        self._locks.lock(message, session, now)
        self._log.changed(message)

    def _unlock(self, token: bytes) -> Message:
        message, session = self._locks.unlock(token)
        if session is not None:
            self.sessions.refresh(session)
        return message

    def _delivery_failed(self, message: Message, now: float) -> None:
        message.delivery_count += 1
        if self.dead_letters is not None and message.delivery_count >= self.settings.max_delivery_count:
            description = f"Message could not be consumed after {message.delivery_count} delivery attempts."
            self._move_to_dead_letters(message, UNDELIVERABLE, description)
        else:
            self._put_back(message, now)

    def _put_back(self, message: Message, now: float) -> None:
        # A locked message does not expire; it may have come to its time meanwhile.
        if message.expires_at <= now:
            self._expire(message)
            return
        self._log.changed(message)
        self._make_available(message)

    def _make_available(self, message: Message) -> None:
        self._expiry_deadlines.set(message.sequence_number, message.expires_at)
        if message.state is MessageState.ACTIVE:
            self._make_ready(message)

    def _expire(self, message: Message | None) -> None:
        if message is None:
            return
        self._withdraw(message)
        if self.settings.dead_letter_on_expiration:
            self._move_to_dead_letters(message, *EXPIRED)
        else:
            self._log.remove(message)

    def _withdraw(self, message: Message) -> None:
        self._ready.discard(message)
        session = self.sessions.get(message.session_id) if message.session_id is not None else None
        if session is not None:
            session.ready.discard(message)
            self.sessions.refresh(session)

    def _move_to_dead_letters(self, message: Message, reason: str | None, description: str | None) -> None:
        if self.dead_letters is None:
            message.state = MessageState.ACTIVE
            self._log.changed(message)
            self._make_ready(message)
            return
        self._log.remove(message)
        self._expiry_deadlines.discard(message.sequence_number)
        self.dead_letters.bury(message, self.name, reason, description)

    def bury(self, message: Message, source: str, reason: str | None, description: str | None) -> None:
        """Take over a dead letter of ``source``; it keeps its number, its delivery count and when it was enqueued."""
        message.become_dead_letter(source, reason, description)
        self._log.add(message)
        self._make_ready(message)

    def _lose_session(self, session: Session | None, now: float) -> None:
        if session is None or session.lock is None:
            return
        lock = session.lock
        for token in list(session.in_flight):
            self._delivery_failed(self._unlock(token), now)
        self._free_session(session)
        lock.holder.session_lost()

    def _free_session(self, session: Session) -> None:
        self.sessions.unlock(session)
        self._on_ready(self)
