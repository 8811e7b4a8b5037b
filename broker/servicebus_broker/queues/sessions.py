"""Sessions of a queue: which have messages, who holds which, and their state."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Protocol

from servicebus_broker.queues.deadlines import Alarm, Deadlines
from servicebus_broker.queues.errors import SessionCannotBeLockedError, SessionLockLostError
from servicebus_broker.queues.message import Message
from servicebus_broker.queues.ready import ReadyMessages


class SessionHolder(Protocol):
    """A receiver that holds a session. It must not call the queue from these; it makes a note for later."""

    def session_lost(self) -> None:
        """The lock expired."""

    def session_ready(self) -> None:
        """The session may have a message to receive, or receiving may not be possible any more."""


@dataclass(slots=True)
class SessionLock:
    """A receiver's hold on a session."""

    session: Session
    until: float
    holder: SessionHolder


@dataclass(slots=True)
class Session:
    """``in_flight`` are the messages its holder received and did not settle, by lock token.

    ``state_updated_at`` is when the state was set, or restored: the journal does not tell when it was set.
    """

    id: str
    ready: ReadyMessages = field(default_factory=ReadyMessages)
    in_flight: dict[bytes, Message] = field(default_factory=dict)
    state: bytes | None = None
    state_updated_at: float = 0
    lock: SessionLock | None = None

    @property
    def state_size(self) -> int:
        """What the state takes, in bytes."""
        return 0 if self.state is None else len(self.id) + len(self.state)

    @property
    def is_idle(self) -> bool:
        return not self.ready and not self.in_flight and self.state is None and self.lock is None


class SessionTable:
    """The sessions of one queue. Sessions that nobody holds are handed out in the order they became available."""

    def __init__(self, alarm: Alarm) -> None:
        self._sessions: dict[str, Session] = {}
        self._available: OrderedDict[str, None] = OrderedDict()
        self.deadlines: Deadlines[str] = Deadlines(alarm)

    def __len__(self) -> int:
        return len(self._sessions)

    @property
    def has_available(self) -> bool:
        """Whether some session has messages and no holder."""
        return bool(self._available)

    def get(self, session_id: str) -> Session | None:
        return self._sessions.get(session_id)

    def get_or_create(self, session_id: str) -> Session:
        """The session; in Service Bus one exists as soon as it is named."""
        session = self._sessions.get(session_id)
        if session is None:
            session = self._sessions[session_id] = Session(session_id)
        return session

    def ids_with_content(self) -> list[str]:
        """The sessions with messages or state."""
        return [each.id for each in self._sessions.values() if each.ready or each.in_flight or each.state is not None]

    def ids_with_state_since(self, time: float) -> list[str]:
        """The sessions whose state was set after a time."""
        return [each.id for each in self._sessions.values() if each.state is not None and each.state_updated_at > time]

    def holders(self) -> list[SessionHolder]:
        """Who holds a session now."""
        return [each.lock.holder for each in self._sessions.values() if each.lock is not None]

    def states(self) -> dict[str, bytes]:
        """The sessions' states, where they have one."""
        return {each.id: each.state for each in self._sessions.values() if each.state is not None}

    def acquire(self, session: Session, until: float, holder: SessionHolder) -> SessionLock:
        """Lock a session. Raises SessionCannotBeLockedError while somebody holds it."""
        if session.lock is not None:
            raise SessionCannotBeLockedError(f"The requested session '{session.id}' is locked by another receiver.")
        session.lock = SessionLock(session, until, holder)
        self._available.pop(session.id, None)
        self.deadlines.set(session.id, until)
        return session.lock

    def held(self, lock: SessionLock) -> Session:
        """The session that is locked by ``lock``. Raises SessionLockLostError if it is not any more."""
        if lock.session.lock is not lock:
            raise SessionLockLostError(
                f"The session lock has expired on the session '{lock.session.id}'. Accept the session again."
            )
        return lock.session

    def renew(self, lock: SessionLock, until: float) -> None:
        """Extend a lock, and with it those of the session's messages. Raises SessionLockLostError."""
        session = self.held(lock)
        lock.until = until
        self.deadlines.set(session.id, until)
        for message in session.in_flight.values():
            if message.lock is not None:
                message.lock.until = until

    def next_available(self) -> Session | None:
        """The session that has waited longest for a holder."""
        for session_id in self._available:
            return self._sessions[session_id]
        return None

    def unlock(self, session: Session) -> None:
        session.lock = None
        self.deadlines.discard(session.id)
        self.refresh(session)

    def refresh(self, session: Session) -> None:
        """Update which sessions exist and are available, after a change to a session's messages, lock or state."""
        if session.ready and session.lock is None:
            self._available.setdefault(session.id)
        else:
            self._available.pop(session.id, None)
        if session.is_idle:
            self._sessions.pop(session.id, None)
