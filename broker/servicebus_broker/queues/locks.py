"""The locked messages of a queue."""

import os

from servicebus_broker.queues.deadlines import Alarm, Deadlines
from servicebus_broker.queues.errors import MessageLockLostError
from servicebus_broker.queues.message import Lock, Message
from servicebus_broker.queues.sessions import Session


class LockTable:
    """Locked messages by lock token. Messages of a session share its lock and have no deadline."""

    def __init__(self, duration: float, alarm: Alarm) -> None:
        self.duration = duration
        self.deadlines: Deadlines[bytes] = Deadlines(alarm)
        self._locked: dict[bytes, tuple[Message, Session | None]] = {}

    def lock(self, message: Message, session: Session | None, now: float) -> None:
        """Lock a message for a receiver, or for the holder of its session."""
        token = os.urandom(16)
        if session is not None and session.lock is not None:
            message.lock = Lock(token, session.lock.until)
            session.in_flight[token] = message
        else:
            session = None
            message.lock = Lock(token, now + self.duration)
            self.deadlines.set(token, message.lock.until)
        self._locked[token] = message, session

    def unlock(self, token: bytes) -> tuple[Message, Session | None]:
        """End a lock; returns the message and the session that it was locked with. Raises MessageLockLostError."""
        message, _, session = self._find(token)
        del self._locked[token]
        self.deadlines.discard(token)
        if session is not None:
            session.in_flight.pop(token, None)
        message.lock = None
        return message, session

    def renew(self, token: bytes, now: float) -> float:
        """Extend a lock; returns its new end. Raises MessageLockLostError."""
        _, lock, session = self._find(token)
        if session is None:
            lock.until = now + self.duration
            self.deadlines.set(token, lock.until)
        return lock.until

    def _find(self, token: bytes) -> tuple[Message, Lock, Session | None]:
        message, session = self._locked.get(token, (None, None))
        if message is None or message.lock is None:
            raise MessageLockLostError(
                "The lock supplied is invalid. Either the lock expired, or the message has already been removed from "
                "the queue."
            )
        return message, message.lock, session
