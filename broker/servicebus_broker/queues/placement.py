"""The place of each message in a queue, and how it moves from one place to another."""

from __future__ import annotations

from collections.abc import Callable

from servicebus_broker.queues.deadlines import Alarm, Deadlines
from servicebus_broker.queues.errors import QuotaExceededError
from servicebus_broker.queues.locks import LockTable
from servicebus_broker.queues.log import MessageLog
from servicebus_broker.queues.message import Message, MessageState
from servicebus_broker.queues.ready import ReadyMessages
from servicebus_broker.queues.sessions import Session, SessionTable
from servicebus_broker.queues.settings import QueueSettings
from servicebus_broker.queues.storage import Storage

EXPIRED = ("TTLExpiredException", "The message expired and was dead lettered.")
UNDELIVERABLE = "MaxDeliveryCountExceeded"

_AT_ONCE = 0.0
_ALL = 0


class Placement:
    """Every message is in ``log``, and in one other place: ready (in its session, if the queue has sessions), locked,
    scheduled, or deferred. A message that is neither locked nor scheduled may also have an expiry.

    ``dead_letters`` is the placement of the dead-letter queue, None for a dead-letter queue itself.
    """

    def __init__(
        self, settings: QueueSettings, alarm: Alarm, on_ready: Callable[[], None], dead_letters: Placement | None
    ) -> None:
        self.settings = settings
        self.dead_letters = dead_letters
        self.storage: Storage = dead_letters.storage if dead_letters else Storage()
        self.log = MessageLog(self.storage)
        self.ready = ReadyMessages()
        self.sessions = SessionTable(alarm)
        self.locks = LockTable(settings.lock_duration, alarm)
        self.expiries: Deadlines[int] = Deadlines(alarm)
        self.transfers: Deadlines[int] = Deadlines(alarm)
        self._on_ready = on_ready

    def check_room(self, size: int) -> None:
        """Raises QuotaExceededError if the queue or its recorder has no room for that many more bytes."""
        if not self.log.recorder.has_room():
            raise QuotaExceededError("The broker's disk is full. Receive messages, or make room on the disk.")
        self.storage.check_room(size, self.settings)

    # Available messages

    def add(self, message: Message) -> None:
        """Add a new message, available from now on."""
        self.log.add(message)
        self.expiries.set(message.sequence_number, message.expires_at)
        self.make_ready(message)

    def make_ready(self, message: Message) -> None:
        if not self.settings.requires_session:
            self.ready.add(message)
            if self.settings.forward_to is not None:
                self.transfer_at(_AT_ONCE)
            self._on_ready()
        elif message.session_id is not None:
            self._make_ready_in_session(self.sessions.get_or_create(message.session_id), message)

    def remove(self, message: Message) -> None:
        """Remove a message that is no longer ready."""
        self.expiries.discard(message.sequence_number)
        self.log.remove(message)

    def transfer_at(self, due: float) -> None:
        """Forward the ready messages at a time."""
        self.transfers.set(_ALL, due)

    def _make_ready_in_session(self, session: Session, message: Message) -> None:
        session.ready.add(message)
        self.sessions.refresh(session)
        if session.lock is None:
            self._on_ready()
        else:
            session.lock.holder.session_ready()

    # Locked messages

    def lock(self, message: Message, session: Session | None, now: float) -> None:
        self.locks.lock(message, session, now)
        self.log.changed(message)

    def unlock(self, token: bytes) -> Message:
        """Raises MessageLockLostError."""
        message, session = self.locks.unlock(token)
        if session is not None:
            self.sessions.refresh(session)
        return message

    def delivery_failed(self, message: Message) -> None:
        """Count a failed delivery; at the maximum, dead-letter the message."""
        message.delivery_count += 1
        if self.dead_letters is not None and message.delivery_count >= self.settings.max_delivery_count:
            description = f"Message could not be consumed after {message.delivery_count} delivery attempts."
            self.move_to_dead_letters(message, UNDELIVERABLE, description)
        else:
            self.put_back(message)

    def put_back(self, message: Message) -> None:
        """Return an unlocked message to its former place; if it has expired meanwhile, its expiry is due."""
        self.log.changed(message)
        self._make_available(message)

    def restore(self, message: Message, *, locked: bool) -> None:
        """Add a message of a former process in its place; if it was locked, the lock has expired."""
        self.log.restore(message)
        if locked:
            self.delivery_failed(message)
        else:
            self._make_available(message)

    def _make_available(self, message: Message) -> None:
        self.expiries.set(message.sequence_number, message.expires_at)
        if message.state is MessageState.ACTIVE:
            self.make_ready(message)

    def expire_session(self, session: Session) -> None:
        """The lock of a session expired: messages that its holder did not settle count as delivered."""
        if session.lock is None:
            return
        holder = session.lock.holder
        for token in list(session.in_flight):
            self.delivery_failed(self.unlock(token))
        self.free_session(session)
        holder.session_lost()

    def free_session(self, session: Session) -> None:
        self.sessions.unlock(session)
        self._on_ready()

    def set_session_state(self, session: Session, state: bytes | None, now: float) -> None:
        self.restore_session_state(session, state, now)
        self.log.recorder.session_state_set(session.id, state)

    def restore_session_state(self, session: Session, state: bytes | None, now: float) -> None:
        """Set a state that is already recorded."""
        size = session.state_size
        session.state, session.state_updated_at = state, now
        self.storage.used += session.state_size - size

    def settings_changed(self) -> None:
        """Messages may now be delivered or forwarded, or no longer."""
        if self.settings.forward_to is not None and self.ready:
            self.transfer_at(_AT_ONCE)
        self._on_ready()
        for holder in self.sessions.holders():
            holder.session_ready()

    # Removal

    def expire(self, message: Message) -> None:
        self._withdraw(message)
        if self.settings.dead_letter_on_expiration:
            self.move_to_dead_letters(message, *EXPIRED)
        else:
            self.remove(message)

    def move_to_dead_letters(self, message: Message, reason: str | None, description: str | None) -> None:
        """In a dead-letter queue, a dead-lettered message stays."""
        if self.dead_letters is None:
            message.state = MessageState.ACTIVE
            self.log.changed(message)
            self.make_ready(message)
            return
        self.remove(message)
        self.dead_letters.add_dead_letter(message, self.settings.name, reason, description)

    def add_dead_letter(self, message: Message, source: str, reason: str | None, description: str | None) -> None:
        """Add a dead letter of ``source``; it keeps its number, its delivery count and its enqueued time."""
        message.become_dead_letter(source, reason, description)
        self.add(message)

    def _withdraw(self, message: Message) -> None:
        self.ready.discard(message)
        session = self.sessions.get(message.session_id) if message.session_id is not None else None
        if session is not None:
            session.ready.discard(message)
            self.sessions.refresh(session)
