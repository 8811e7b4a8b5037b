"""A client's receiver of one session."""

from __future__ import annotations

from dataclasses import replace

from servicebus_broker.amqp.outgoing import DeliverySettled, OutgoingLink
from servicebus_broker.amqp.performatives import Source
from servicebus_broker.amqp.values import Described, Symbol
from servicebus_broker.queues.errors import QueueError, SessionLockLostError, TimedOutError
from servicebus_broker.queues.sessions import SessionLock
from servicebus_broker.service.encoding import lock_ticks
from servicebus_broker.service.entity import Entity
from servicebus_broker.service.errors import error_of, rejection
from servicebus_broker.service.nodes import NodeOwner
from servicebus_broker.service.receivers import ReceiverNode

SESSION_FILTER = "com.microsoft:session-filter"
_TIMEOUT = "com.microsoft:timeout"
_LOCKED_UNTIL = "com.microsoft:locked-until-utc"
_DEFAULT_TIMEOUT = 60.0


class SessionReceiver(ReceiverNode):
    """Attached once it holds its session. Only for the next available session does the client wait."""

    def __init__(self, link: OutgoingLink, peer: NodeOwner, entity: Entity) -> None:
        super().__init__(link, peer, entity)
        self.lock: SessionLock | None = None
        self._seeking: int | None = None
        self._lost = False
        self._keeps_lock = False

    @property
    def session_id(self) -> str | None:
        """The session that it holds or held; None while it waits for one."""
        return self.lock.session.id if self.lock else None

    def open(self) -> None:
        """Lock the session that the filter of the link names, or wait for the next available. Raises QueueError."""
        session_id = requested_session(self.link.source)
        lock = self.queue.accept_session(session_id, self)
        if lock is not None:
            self._attach(lock)
        else:
            self._seeking = self.entity.seek_session(self, self._timeout())

    def accept_next(self) -> None:
        """A session may be available."""
        self._seeking = None
        self.open()
        self.peer.touch()

    def timed_out(self) -> None:
        """No session became available in time."""
        self._seeking = None
        self.drop(error_of(TimedOutError("The operation did not complete within the allotted timeout.")))

    def session_ready(self) -> None:
        self.entity.dispatch_list.add(self)

    def session_lost(self) -> None:
        self._lost = True
        self.entity.dispatch_list.add(self)

    def on_credit(self) -> None:
        self.entity.dispatch_list.add(self)

    def dispatch(self) -> None:
        """Deliver messages of the session while the link can take them; end the link if the session is lost."""
        if self._lost:
            if self.link.is_open:
                self.drop(error_of(_session_lost()))
            return
        while self.lock is not None and self.link.can_send:
            try:
                message = self.queue.receive(self.lock, delete=self.link.is_presettled)
            except SessionLockLostError:
                # The call itself noticed the loss before the timer; `session_lost` has been called.
                return
            except QueueError as refusal:
                self.drop(error_of(refusal))
                return
            if message is None:
                return
            self.send(message)

    def on_settled(self, event: DeliverySettled) -> None:
        self.queue.advance()
        if not self._lost:
            super().on_settled(event)
        elif not event.settled:
            self.link.confirm(event.delivery_id, rejection(_session_lost()))

    def keep_lock(self) -> None:
        """Hold the session until its lock expires, also when the link is gone."""
        self._keeps_lock = True

    def closed(self) -> None:
        if self._seeking is not None:
            self.entity.stop_seeking(self._seeking)
        if self.lock is not None and not self._keeps_lock:
            self.queue.release_session(self.lock)

    def _attach(self, lock: SessionLock) -> None:
        self.lock = lock
        granted: dict[object, object] = {Symbol(SESSION_FILTER): lock.session.id}
        self.link.accept(
            source=replace(self.link.source, filter=granted),
            properties={Symbol(_LOCKED_UNTIL): lock_ticks(lock.until, self.queue.clock)},
        )
        self.on_credit()

    def _timeout(self) -> float:
        milliseconds = self.link.properties.get(_TIMEOUT)
        return milliseconds / 1000 if isinstance(milliseconds, int) else _DEFAULT_TIMEOUT


def wants_session(source: Source) -> bool:
    """Whether an attach asks for a session."""
    return bool(source.filter) and SESSION_FILTER in (source.filter or {})


def requested_session(source: Source) -> str | None:
    """The session an attach names; None for the next available one."""
    value = (source.filter or {}).get(SESSION_FILTER)
    if isinstance(value, Described):
        value = value.value
    return value if isinstance(value, str) else None


def _session_lost() -> QueueError:
    return SessionLockLostError("The session lock has expired. Accept the session again.")
