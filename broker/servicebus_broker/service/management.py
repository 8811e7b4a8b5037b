"""The management node of an entity (``queue/$management``): operations beside sending and receiving."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol, TypeVar
from uuid import UUID

from servicebus_broker.amqp.incoming import IncomingLink
from servicebus_broker.amqp.sections import read_sections
from servicebus_broker.amqp.values import Array, Int, Symbol, Timestamp
from servicebus_broker.queues.errors import ArgumentError, NotImplementedOperationError, SessionLockLostError
from servicebus_broker.queues.sessions import SessionLock
from servicebus_broker.service.addresses import Address
from servicebus_broker.service.encoding import encode_message, lock_timestamp
from servicebus_broker.service.entity import Entity
from servicebus_broker.service.errors import Failure, status_of
from servicebus_broker.service.nodes import NodeOwner
from servicebus_broker.service.receivers import properties_to_modify
from servicebus_broker.service.requests import RequestNode, Response

_OK = 200
_NO_CONTENT = 204
# The year 10000 in milliseconds: clients send it to ask for all sessions.
_ANY_TIME = 253_402_300_800_000
_RECEIVE_AND_DELETE = 0
_MAX_PEEK = 1000

T = TypeVar("T")

Body = dict[object, object]


class ManagementOwner(NodeOwner, Protocol):
    """A peer that may hold sessions."""

    def session_lock(self, entity: Entity, session_id: str) -> SessionLock | None:
        """The lock of a session that a receiver of this connection holds or held."""


class ManagementRequests(RequestNode):
    """Answers the requests of azure-servicebus; the bodies of requests and answers are maps."""

    def __init__(self, link: IncomingLink, peer: ManagementOwner, address: Address, entity: Entity) -> None:
        super().__init__(link, peer, address)
        self._sessions = peer
        self._entity = entity
        self._queue = entity.queue

    def answer(self, operation: str, body: object) -> Response:
        handler = _OPERATIONS.get(operation)
        if handler is None:
            raise NotImplementedOperationError(f"The operation '{operation}' is not supported.")
        if not isinstance(body, dict):
            raise ArgumentError("The request's body is not a map.")
        return handler(self, body)

    def failed(self, failure: Failure) -> Response:
        return Response(status_of(failure), None, failure)

    def properties(self, response: Response) -> dict[object, object]:
        properties: dict[object, object] = {"statusCode": Int(response.status)}
        if response.failure is not None:
            properties["statusDescription"] = response.failure.description
            properties["errorCondition"] = Symbol(response.failure.condition)
        else:
            properties["statusDescription"] = "OK" if response.status == _OK else "No content"
        return properties

    def _renew_locks(self, body: Body) -> Response:
        until = [lock_timestamp(self._queue.renew_lock(token), self._queue.clock) for token in _tokens(body)]
        return Response(_OK, {"expirations": Array(Timestamp, until)})

    def _schedule(self, body: Body) -> Response:
        messages = [read_sections(_bytes(each, "message")) for each in _maps(body, "messages")]
        return Response(_OK, {"sequence-numbers": Array(int, self._queue.send(messages))})

    def _cancel_scheduled(self, body: Body) -> Response:
        self._queue.cancel(_numbers(body))
        return Response(_OK, {})

    def _receive_by_sequence_number(self, body: Body) -> Response:
        delete = body.get("receiver-settle-mode") == _RECEIVE_AND_DELETE
        lock = self._session_lock(body) if self._queue.settings.requires_session else None
        messages = self._queue.receive_deferred(_numbers(body), lock, delete=delete)
        found: list[object] = [
            {
                "lock-token": UUID(bytes_le=message.lock.token if message.lock else bytes(16)),
                "message": encode_message(message, self._queue),
            }
            for message in messages
        ]
        return Response(_OK, {"messages": found})

    def _peek(self, body: Body) -> Response:
        count = min(_int(body, "message-count"), _MAX_PEEK)
        session_id = body.get("session-id")
        messages = self._queue.peek(
            _int(body, "from-sequence-number"), count, session_id if isinstance(session_id, str) else None
        )
        if not messages:
            return Response(_NO_CONTENT, {})
        encoded = (encode_message(message, self._queue) for message in messages)
        fitting = _fitting(encoded, self.link.session.limits.max_message_size)
        return Response(_OK, {"messages": [{"message": message} for message in fitting]})

    def _update_disposition(self, body: Body) -> Response:
        status = body.get("disposition-status")
        settle = self._settlement(str(status), body)
        if settle is None:
            raise ArgumentError(f"The disposition status '{status}' is not supported.")
        for token in _tokens(body):
            settle(token)
        return Response(_OK, {})

    def _settlement(self, status: str, body: Body) -> Callable[[bytes], None] | None:
        reason, description = _optional_text(body, "deadletter-reason"), _optional_text(body, "deadletter-description")
        properties = properties_to_modify(body.get("properties-to-modify"))
        settlements: dict[str, Callable[[bytes], None]] = {
            "completed": self._queue.complete,
            "abandoned": lambda token: self._queue.abandon(token, properties),
            "defered": lambda token: self._queue.defer(token, properties),
            "suspended": lambda token: self._queue.dead_letter(token, reason, description, properties),
        }
        return settlements.get(status)

    def _renew_session_lock(self, body: Body) -> Response:
        until = self._queue.renew_session(self._session_lock(body))
        return Response(_OK, {"expiration": lock_timestamp(until, self._queue.clock)})

    def _get_session_state(self, body: Body) -> Response:
        return Response(_OK, {"session-state": self._queue.session_state(self._session_lock(body))})

    def _set_session_state(self, body: Body) -> Response:
        state = body.get("session-state")
        if state is not None and not isinstance(state, bytes):
            raise ArgumentError("session-state must be binary or null.")
        self._queue.set_session_state(self._session_lock(body), state)
        return Response(_OK, {})

    def _get_sessions(self, body: Body) -> Response:
        skip, top = _int(body, "skip"), _int(body, "top")
        since, sessions = body.get("last-updated-time"), self._queue.sessions
        if isinstance(since, int) and since < _ANY_TIME:
            ids = sessions.ids_with_state_since(self._queue.clock.from_wall(since / 1000))[skip : skip + top]
        else:
            ids = sessions.ids_with_content()[skip : skip + top]
        if not ids:
            return Response(_NO_CONTENT, {})
        return Response(_OK, {"skip": Int(skip + len(ids)), "sessions-ids": Array(str, ids)})

    def _session_lock(self, body: Body) -> SessionLock:
        session_id = body.get("session-id")
        lock = self._sessions.session_lock(self._entity, session_id) if isinstance(session_id, str) else None
        if lock is None:
            raise SessionLockLostError(f"This connection does not hold the lock of session '{session_id}'.")
        return lock


_OPERATIONS: dict[str, Callable[[ManagementRequests, Body], Response]] = {
    f"com.microsoft:{name}": operation
    for name, operation in {
        "renew-lock": ManagementRequests._renew_locks,
        "schedule-message": ManagementRequests._schedule,
        "cancel-scheduled-message": ManagementRequests._cancel_scheduled,
        "receive-by-sequence-number": ManagementRequests._receive_by_sequence_number,
        "peek-message": ManagementRequests._peek,
        "update-disposition": ManagementRequests._update_disposition,
        "renew-session-lock": ManagementRequests._renew_session_lock,
        "get-session-state": ManagementRequests._get_session_state,
        "set-session-state": ManagementRequests._set_session_state,
        "get-message-sessions": ManagementRequests._get_sessions,
    }.items()
}


def _fitting(messages: Iterable[bytes], limit: int) -> list[bytes]:
    """The first messages, at least one, whose bytes together are within ``limit``; the client peeks again."""
    fitting: list[bytes] = []
    for message in messages:
        limit -= len(message)
        if fitting and limit < 0:
            break
        fitting.append(message)
    return fitting


def _tokens(body: Body) -> list[bytes]:
    return [each.bytes_le for each in _items(body, "lock-tokens", UUID)]


def _numbers(body: Body) -> list[int]:
    return _items(body, "sequence-numbers", int)


def _maps(body: Body, key: str) -> list[Body]:
    return _items(body, key, dict)


def _items(body: Body, key: str, kind: type[T]) -> list[T]:
    value = body.get(key)
    if not isinstance(value, list) or not all(isinstance(each, kind) for each in value):
        raise ArgumentError(f"{key} must be a list of {kind.__name__}.")
    return value


def _int(body: Body, key: str) -> int:
    value = body.get(key)
    if not isinstance(value, int) or value < 0:
        raise ArgumentError(f"{key} must be a number that is not negative.")
    return value


def _bytes(body: Body, key: str) -> bytes:
    value = body.get(key)
    if not isinstance(value, bytes):
        raise ArgumentError(f"{key} must be binary.")
    return value


def _optional_text(body: Body, key: str) -> str | None:
    value = body.get(key)
    return value if isinstance(value, str) and value else None
