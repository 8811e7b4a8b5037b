"""The broker as one object without I/O: entities, connected peers, and their deadlines."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import uuid4

from servicebus_broker.amqp.connection import Connection
from servicebus_broker.amqp.performatives import Error
from servicebus_broker.amqp.totals import Totals
from servicebus_broker.limits import DEFAULT_LIMITS, Limits
from servicebus_broker.queues.access import check_targets
from servicebus_broker.queues.agenda import Agenda
from servicebus_broker.queues.clock import Clock
from servicebus_broker.queues.definition_recorder import DefinitionRecorder, NoDefinitionRecorder
from servicebus_broker.queues.errors import EntityExistsError, EntityNotFoundError, QuotaExceededError
from servicebus_broker.queues.names import check_name
from servicebus_broker.queues.queue import Queue
from servicebus_broker.queues.settings import QueueSettings
from servicebus_broker.service.addresses import Address
from servicebus_broker.service.entity import DispatchList, Entity
from servicebus_broker.service.errors import error_of
from servicebus_broker.service.peer import Peer
from servicebus_broker.service.shared_key import SharedKey

MAX_QUEUES = 1_000


class Broker:
    """Its owner gives a connection's bytes to its `Peer`, calls `dispatch`, and writes the output of the peers in
    `take_touched`.

    ``queues`` exist from the start; `create_queue` and `delete_queue`
    report to a recorder. If that is a journal, created queues are back after a restart, until they are deleted;
    configured queues are reset to the configuration, even if they were changed or deleted. Without a ``key``, every
    client may do everything. With ``keeps_session_locks`` a session is locked until its lock expires when its client
    has gone without a word, as it may be in Service Bus.
    """

    def __init__(
        self,
        queues: Iterable[QueueSettings],
        clock: Clock,
        limits: Limits = DEFAULT_LIMITS,
        key: SharedKey | None = None,
        keeps_session_locks: bool = False,
    ) -> None:
        self.limits = limits
        self.keeps_session_locks = keeps_session_locks
        self.key = key
        self.totals = Totals(limits)
        self.container_id = f"local-broker-{uuid4().hex[:8]}"
        self.clock = clock
        self._definitions: DefinitionRecorder = NoDefinitionRecorder()
        self._dispatch_list = DispatchList()
        self._agenda: Agenda[Entity] = Agenda()
        self._entities: dict[str, Entity] = {}
        self._peers: dict[Peer, None] = {}
        self._touched: dict[Peer, None] = {}
        for settings in queues:
            self._add(settings)

    # Connections

    def connect(self, refusal: Error | None = None) -> Peer:
        """A new client connection; with ``refusal`` it is told that error and closed."""
        login = self.key.is_password if self.key is not None else _anybody
        peer = Peer(Connection(self.container_id, self.limits, refusal, login, self.totals), self)
        self._peers[peer] = None
        return peer

    def disconnected(self, peer: Peer) -> None:
        """A client connection is gone."""
        self._peers.pop(peer, None)

    def entity(self, address: Address) -> Entity:
        """The entity of an address. Raises EntityNotFoundError."""
        entity = self.entity_named(address.entity)
        entity.accessed()
        return entity.dead_letters if address.dead_letters and entity.dead_letters else entity

    # Administration

    def record_to(self, definitions: DefinitionRecorder) -> None:
        """Report the creation, update and deletion of queues to a recorder from now on."""
        self._definitions = definitions

    def entities(self) -> list[Entity]:
        """Every queue, by name."""
        return [self._entities[name] for name in sorted(self._entities)]

    def entity_named(self, name: str) -> Entity:
        """The queue of this name, in any case. Raises EntityNotFoundError."""
        entity = self._entities.get(name.lower())
        if entity is None:
            raise EntityNotFoundError(f"The messaging entity '{name}' could not be found.")
        return entity

    def create_queue(self, settings: QueueSettings) -> Entity:
        """Raises EntityExistsError, ArgumentError for an invalid name or target, and QuotaExceededError."""
        check_name(settings.name)
        if settings.name.lower() in self._entities:
            raise EntityExistsError(f"The messaging entity '{settings.name}' already exists.")
        if len(self._entities) >= MAX_QUEUES:
            raise QuotaExceededError(f"This broker holds {MAX_QUEUES} queues at most.")
        check_targets(settings, lambda target: self._find(target) is not None)
        entity = self._add(settings)
        self._definitions.queue_created(entity.queue)
        return entity

    def update_queue(self, settings: QueueSettings) -> Entity:
        """Raises EntityNotFoundError, ArgumentError, and InvalidOperationError for a property that cannot change."""
        entity = self.entity_named(settings.name)
        check_targets(settings, lambda target: self._find(target) is not None)
        entity.reconfigure(settings)
        self._definitions.queue_updated(entity.queue)
        return entity

    def delete_queue(self, name: str) -> None:
        """Delete a queue with its contents, and end its links. Raises EntityNotFoundError."""
        entity = self.entity_named(name)
        self._remove(entity)
        deleted = error_of(EntityNotFoundError(f"The messaging entity '{entity.queue.name}' was deleted."))
        for peer in list(self._peers):
            peer.end_links(entity.queue.name, deleted)
        self._definitions.queue_deleted(entity.queue)

    # Work and output

    def queues(self) -> list[Queue]:
        """Every queue and dead-letter queue."""
        return [entity.queue for entity in self._all()]

    @property
    def due(self) -> float:
        """Never later than `next_due`, and cheap to read."""
        return self._agenda.due

    def next_due(self) -> float:
        """The time when `advance` has something to do; FOREVER if nothing is pending."""
        return self._agenda.next_due()

    def advance(self) -> None:
        """Do the work that is due."""
        now = self.clock()
        for entity in self._agenda.take_due(now):
            entity.advance()
            if entity.idle_at <= now:
                self._delete_if_unused(entity)

    def dispatch(self) -> None:
        """Deliver messages that became available."""
        self._dispatch_list.run()

    def touch(self, peer: Peer) -> None:
        """Note that a peer may have bytes to send."""
        self._touched[peer] = None

    def take_touched(self) -> list[Peer]:
        """The peers that may have bytes to send: receivers of a message before its sender."""
        touched = list(reversed(self._touched))
        self._touched.clear()
        return touched

    def _add(self, settings: QueueSettings) -> Entity:
        shared = self.clock, self._dispatch_list, self._agenda
        dead_letters = Entity(settings.for_dead_letters(), *shared, find=self._find)
        entity = Entity(settings, *shared, dead_letters=dead_letters, find=self._find)
        self._entities[settings.name.lower()] = entity
        return entity

    def _remove(self, entity: Entity) -> None:
        del self._entities[entity.queue.name.lower()]
        self._agenda.leave(entity)
        if entity.dead_letters is not None:
            self._agenda.leave(entity.dead_letters)

    def _find(self, name: str) -> Queue | None:
        entity = self._entities.get(name.lower())
        return entity.queue if entity is not None else None

    def _delete_if_unused(self, entity: Entity) -> None:
        name = entity.queue.name
        if any(peer.has_links(name) for peer in self._peers):
            entity.accessed()
        else:
            self.delete_queue(name)

    def _all(self) -> Iterable[Entity]:
        for entity in self._entities.values():
            yield entity
            if entity.dead_letters is not None:
                yield entity.dead_letters


def _anybody(user: str, password: str) -> bool:
    return True
