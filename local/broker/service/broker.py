"""The broker as one object without I/O: entities, connected peers, and what is due when."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import uuid4

from local.broker.amqp.connection import Connection
from local.broker.queues.errors import EntityNotFoundError
from local.broker.queues.queue import Clock, Queue
from local.broker.queues.settings import FOREVER, QueueSettings
from local.broker.service.addresses import Address
from local.broker.service.entity import DispatchList, Entity
from local.broker.service.peer import Peer

MAX_MESSAGE_SIZE = 1024 * 1024


class Broker:
    """Its owner gives a connection's bytes to its `Peer`, calls `dispatch`, and writes what `take_touched` names.

    ``clock`` gives seconds since the Unix epoch.
    """

    def __init__(self, queues: Iterable[QueueSettings], clock: Clock) -> None:
        self.container_id = f"local-broker-{uuid4().hex[:8]}"
        self._dispatch_list = DispatchList()
        self._entities: dict[str, Entity] = {}
        self._touched: dict[Peer, None] = {}
        for settings in queues:
            dead_letters = Entity(settings.for_dead_letters(), clock, self._dispatch_list)
            self._entities[settings.name.lower()] = Entity(settings, clock, self._dispatch_list, dead_letters)

    def connect(self) -> Peer:
        """A new client connection."""
        return Peer(Connection(self.container_id, MAX_MESSAGE_SIZE), self)

    def entity(self, address: Address) -> Entity:
        """The entity of an address. Raises EntityNotFoundError."""
        entity = self._entities.get(address.entity.lower())
        if entity is None:
            raise EntityNotFoundError(f"The messaging entity '{address.entity}' could not be found.")
        return entity.dead_letters if address.dead_letters and entity.dead_letters else entity

    def queues(self) -> list[Queue]:
        """Every queue and dead-letter queue."""
        return [entity.queue for entity in self._all()]

    def next_due(self) -> float:
        """When `advance` has something to do; FOREVER if nothing is pending."""
        return min((each.next_due() for each in self._all()), default=FOREVER)

    def advance(self) -> None:
        """Do what has become due."""
        for entity in self._all():
            entity.advance()

    def dispatch(self) -> None:
        """Hand out what has become available."""
        self._dispatch_list.run()

    def touch(self, peer: Peer) -> None:
        """Note that a peer may have bytes to send."""
        self._touched[peer] = None

    def take_touched(self) -> list[Peer]:
        """The peers that may have bytes to send."""
        touched = list(self._touched)
        self._touched.clear()
        return touched

    def _all(self) -> Iterable[Entity]:
        for entity in self._entities.values():
            yield entity
            if entity.dead_letters is not None:
                yield entity.dead_letters
