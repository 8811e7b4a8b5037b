"""The sessions of a queue: their messages, holders and states."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Protocol

from servicebus_broker.queues.deadlines import Alarm, Deadlines
from servicebus_broker.queues.errors import SessionCannotBeLockedError, SessionLockLostError
from servicebus_broker.queues.message import Message
from servicebus_broker.queues.ready import ReadyMessages


class SessionHolder(Protocol):
    """A receiver that holds a session. These methods must not call the queue."""

    def session_lost(self) -> None:
        """The lock expired."""

    def session_ready(self) -> None:
        """The session may have a message, or receiving may no longer be possible."""


@dataclass(slots=True)
class SessionLock:
    """A receiver's hold on a session."""

    session: Session
    until: float
    holder: SessionHolder


@dataclass(slots=True)
class Session:
    """``in_flight`` are the messages that its holder received and did not settle, by lock token.

    ``state_updated_at`` is the time when the state was set, or restored: the journal does not keep the former.
    """

    id: str
    ready: ReadyMessages = field(default_factory=ReadyMessages)
    in_flight: dict[bytes, Message] = field(default_factory=dict)
    state: bytes | None = None
    state_updated_at: float = 0
    lock: SessionLock | None = None

    @property
    def state_size(self) -> int:
        """The size of the state in bytes."""
        return 0 if self.state is None else len(self.id) + len(self.state)

    @property
    def is_idle(self) -> bool:
        return not self.ready and not self.in_flight and self.state is None and self.lock is None


class SessionTable:
    """The sessions of one queue. Sessions without a holder are given out in the order they became available."""

    def __init__(self, alarm: Alarm) -> None:
        self._sessions: dict[str, Session] = {}
        self._available: OrderedDict[str, None] = OrderedDict()
        self.deadlines: Deadlines[str] = Deadlines(alarm)

    def __len__(self) -> int:
        return len(self._sessions)

    @property
    def has_available(self) -> bool:
        """Whether a session has messages and no holder."""
        return bool(self._available)

    def get(self, session_id: str) -> Session | None:
        return self._sessions.get(session_id)

    def get_or_create(self, session_id: str) -> Session:
        """The session; in Service Bus a session exists as soon as it is named."""
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
        """The receivers that hold a session now."""
        return [each.lock.holder for each in self._sessions.values() if each.lock is not None]

    def states(self) -> dict[str, bytes]:
        """The states of the sessions that have one."""
        return {each.id: each.state for each in self._sessions.values() if each.state is not None}

    def acquire(self, session: Session, until: float, holder: SessionHolder) -> SessionLock:
        """Lock a session. Raises SessionCannotBeLockedError while another receiver holds it."""
        if session.lock is not None:
            raise SessionCannotBeLockedError(f"The requested session '{session.id}' is locked by another receiver.")
        session.lock = SessionLock(session, until, holder)
        self._available.pop(session.id, None)
        self.deadlines.set(session.id, until)
        return session.lock

    def held(self, lock: SessionLock) -> Session:
        """The session that is locked by ``lock``. Raises SessionLockLostError if the lock is lost."""
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
