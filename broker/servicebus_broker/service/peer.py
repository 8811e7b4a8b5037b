"""One client connection: its links, and the node at the end of each."""

from __future__ import annotations

from dataclasses import replace
from typing import Protocol

from servicebus_broker.amqp.connection import Connection
from servicebus_broker.amqp.errors import AmqpError, ResourceLimitError
from servicebus_broker.amqp.events import Event, LinkClosed, LinkRequested
from servicebus_broker.amqp.incoming import IncomingLink, MessageReceived
from servicebus_broker.amqp.link import Link
from servicebus_broker.amqp.outgoing import CreditChanged, DeliverySettled, OutgoingLink
from servicebus_broker.amqp.performatives import Coordinator, Error
from servicebus_broker.queues.clock import Clock
from servicebus_broker.queues.errors import (
    ArgumentError,
    EntityNotFoundError,
    InvalidOperationError,
    NotImplementedOperationError,
    QueueError,
    QuotaExceededError,
    UnauthorizedError,
)
from servicebus_broker.queues.sessions import SessionLock
from servicebus_broker.service.addresses import Address, parse_address, path_of
from servicebus_broker.service.cbs import TokenRequests
from servicebus_broker.service.entity import Entity
from servicebus_broker.service.errors import error_of
from servicebus_broker.service.management import ManagementRequests
from servicebus_broker.service.nodes import IncomingNode, OutgoingNode, QueueSender, ResponseNode
from servicebus_broker.service.receivers import QueueReceiver
from servicebus_broker.service.session_receiver import SessionReceiver, wants_session
from servicebus_broker.service.shared_key import Claim, SharedKey


class Namespace(Protocol):
    """What a peer needs of the broker."""

    def entity(self, address: Address) -> Entity:
        """The entity of an address. Raises EntityNotFoundError."""

    def dispatch(self) -> None:
        """Hand out messages that became available."""

    def touch(self, peer: Peer) -> None:
        """Note that a peer may have bytes to send."""

    def disconnected(self, peer: Peer) -> None:
        """A client connection is gone."""

    @property
    def key(self) -> SharedKey | None:
        """What clients have to prove that they know; None if nothing."""

    @property
    def clock(self) -> Clock: ...

    @property
    def keeps_session_locks(self) -> bool:
        """Whether the session of a client that is gone without a word stays locked until its lock expires."""


class Peer:
    """Turns a connection's events into operations on queues.

    ``refused_token`` is why the last token was refused, until the owner has logged it: azure-servicebus for Python
    keeps the reason to itself.
    """

    def __init__(self, connection: Connection, namespace: Namespace) -> None:
        self.connection = connection
        self._namespace = namespace
        self._nodes: dict[Link, IncomingNode | OutgoingNode] = {}
        self._claims: dict[str, Claim] = {}
        self.refused_token: str | None = None
        connection.incomplete.on_overdrawn = self._overdrawn

    @property
    def is_authorized(self) -> bool:
        """Whether it has proved once that it knows the key."""
        return self._namespace.key is None or self.connection.is_logged_in or bool(self._claims)

    def put_token(self, token: str) -> None:
        """Allow what a token allows, from now until it expires. Raises UnauthorizedError."""
        if self._namespace.key is None:
            return
        try:
            claim = self._namespace.key.claim(token)
        except UnauthorizedError as refusal:
            self.refused_token = refusal.description
            raise
        if claim.path not in self._claims and len(self._claims) >= self.connection.limits.max_links:
            raise QuotaExceededError("This connection has put tokens for too many entities.")
        self._claims[claim.path] = claim

    def receive_data(self, data: bytes) -> None:
        """Handle received bytes."""
        self.connection.receive_data(data)
        self.handle_input()

    def handle_input(self) -> None:
        """Handle received frames; call it again where ``connection.has_more``."""
        for event in self.connection.events():
            self._handle(event)
        self.touch()

    def close(self, error: Error) -> None:
        """Close the connection from this side."""
        for event in self.connection.close(error):
            self._handle(event)
        self.touch()

    def _overdrawn(self) -> None:
        """Other clients need the room that this one's incomplete messages take."""
        error = ResourceLimitError("the most of too many bytes of incomplete messages of all clients")
        self.connection.fault = Error(error.condition, error.description, {})
        self.close(self.connection.fault)

    def connection_lost(self) -> None:
        """The transport is gone: what links there are were not ended by the client."""
        if self._namespace.keeps_session_locks:
            for node in self._nodes.values():
                if isinstance(node, SessionReceiver):
                    node.keep_lock()
        for event in self.connection.connection_lost():
            self._handle(event)
        self._namespace.disconnected(self)

    def touch(self) -> None:
        """Note that there may be bytes to send."""
        self._namespace.touch(self)

    def resume(self) -> None:
        """The peer has read: there is room to send."""
        self.connection.paused = False
        for node in self._nodes.values():
            if isinstance(node, OutgoingNode):
                node.on_credit()

    def drop(self, node: IncomingNode | OutgoingNode, error: Error) -> None:
        """End a link from this side, or refuse it if it was never attached."""
        if self._nodes.pop(node.link, None) is None:
            return
        node.closed()
        if node.link.is_requested:
            node.link.refuse(error)
        else:
            node.link.detach(error)
        self.touch()

    def has_links(self, entity: str) -> bool:
        """Whether a client uses an entity, its dead-letter queue or its management."""
        return any(_entity_of(link) == entity.lower() for link in self._nodes)

    def end_links(self, entity: str, error: Error) -> None:
        """End every link to an entity, its dead-letter queue and its management."""
        for link, node in list(self._nodes.items()):
            if _entity_of(link) == entity.lower():
                self.drop(node, error)

    def reply(self, request: IncomingLink, address: Address, response: bytes) -> None:
        """Send the answer to a request on the response link of the same session and address."""
        for node in self._nodes.values():
            if isinstance(node, ResponseNode) and node.link.session is request.session and node.address == address:
                node.reply(response)
                return

    def session_lock(self, entity: Entity, session_id: str) -> SessionLock | None:
        """The lock of a session that a receiver of this connection holds or held."""
        for node in self._nodes.values():
            if isinstance(node, SessionReceiver) and node.entity is entity and node.session_id == session_id:
                return node.lock
        return None

    def _handle(self, event: Event) -> None:
        match event:
            case LinkRequested(link):
                self._open(link)
            case MessageReceived(link):
                node = self._nodes.get(link)
                if isinstance(node, IncomingNode):
                    node.on_message(event)
            case CreditChanged(link):
                self._on_credit(event)
            case DeliverySettled(link):
                node = self._nodes.get(link)
                if isinstance(node, OutgoingNode):
                    node.on_settled(event)
            case LinkClosed(link):
                node = self._nodes.pop(link, None)
                if node is not None:
                    node.closed()

    def _on_credit(self, event: CreditChanged) -> None:
        node = self._nodes.get(event.link)
        if not isinstance(node, OutgoingNode):
            return
        node.on_credit()
        if event.drain:
            self._namespace.dispatch()
            if event.link.is_open:
                event.link.drain()

    def _open(self, link: IncomingLink | OutgoingLink) -> None:
        try:
            if isinstance(link, IncomingLink):
                self._open_incoming(link)
            else:
                self._open_outgoing(link)
        except (QueueError, AmqpError) as failure:
            self._nodes.pop(link, None)
            link.refuse(error_of(failure))

    def _open_incoming(self, link: IncomingLink) -> None:
        if isinstance(link.target, Coordinator):
            raise NotImplementedOperationError("Transactions are not supported by this broker.")
        address = self._allowed_address(link)
        if address.is_cbs:
            self._nodes[link] = TokenRequests(link, self, address)
        elif address.management:
            self._nodes[link] = ManagementRequests(link, self, address, self._namespace.entity(address))
        else:
            entity = self._namespace.entity(address)
            entity.queue.check_can_send()
            self._nodes[link] = QueueSender(link, entity)
        link.accept()

    def _open_outgoing(self, link: OutgoingLink) -> None:
        address = self._allowed_address(link)
        if address.is_cbs or address.management:
            if address.management:
                self._namespace.entity(address)
            self._nodes[link] = ResponseNode(link, self, address)
            link.accept()
            return
        entity = self._namespace.entity(address)
        entity.queue.check_can_receive()
        if wants_session(link.source):
            receiver = SessionReceiver(link, self, entity)
            self._nodes[link] = receiver
            receiver.open()
        else:
            if entity.queue.settings.requires_session:
                raise InvalidOperationError(
                    f"It is not possible for an entity that requires sessions, '{entity.queue.name}', to create a "
                    "non-sessionful message receiver."
                )
            entity.queue.check_can_receive()
            self._nodes[link] = QueueReceiver(link, self, entity)
            # The filters in the answer are those that are applied.
            link.accept(replace(link.source, filter=None))

    def _allowed_address(self, link: Link) -> Address:
        """Raises UnauthorizedError for an entity that no token of the client covers."""
        address = _address(link)
        if self._namespace.key is None or self.connection.is_logged_in or address.is_cbs:
            return address
        path, now = path_of(link.address), self._namespace.clock()
        if not any(each.covers(path) and now < each.expires_at for each in self._claims.values()):
            raise UnauthorizedError(f"Unauthorized access: no valid token of this connection is for '{path}'.")
        return address


def _entity_of(link: Link) -> str:
    return parse_address(link.address).entity.lower()


def _address(link: Link) -> Address:
    if not link.address:
        raise ArgumentError("A link needs the address of an entity.")
    address = parse_address(link.address)
    if "/subscriptions/" in address.entity.lower():
        raise EntityNotFoundError(
            f"The messaging entity '{address.entity}' could not be found. Topics and subscriptions are not supported "
            "by this broker."
        )
    return address
