"""Creation, update and deletion of queues while the broker runs."""

from dataclasses import replace

import pytest

from servicebus_broker.amqp.performatives import Attach, Detach
from servicebus_broker.queues.errors import (
    ArgumentError,
    EntityExistsError,
    EntityNotFoundError,
    InvalidOperationError,
    QuotaExceededError,
)
from servicebus_broker.queues.queue import Queue
from servicebus_broker.queues.settings import FOREVER, QueueSettings
from servicebus_broker.service import broker as broker_module
from servicebus_broker.service.broker import Broker
from tests.unit.client import attach_receiver, attach_sender, credit
from tests.unit.peers import Client
from tests.unit.queues.conftest import FakeClock


class Heard:
    """A recorder that remembers its calls."""

    def __init__(self) -> None:
        self.events: list[tuple[str, str]] = []

    def queue_created(self, queue: Queue) -> None:
        self.events.append(("created", queue.name))

    def queue_updated(self, queue: Queue) -> None:
        self.events.append(("updated", queue.name))

    def queue_deleted(self, queue: Queue) -> None:
        self.events.append(("deleted", queue.name))


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def broker(clock: FakeClock) -> Broker:
    return Broker([QueueSettings("queue"), QueueSettings("sessions", requires_session=True)], clock)


@pytest.fixture
def heard(broker: Broker) -> Heard:
    heard = Heard()
    broker.record_to(heard)
    return heard


def ended(client: Client) -> list[str]:
    """The conditions of the errors that ended links."""
    detaches = [each for each in client.performatives() if isinstance(each, Detach)]
    return [each.error.condition for each in detaches if each.error is not None]


def test_recorder_is_told_of_every_accepted_change_only(broker: Broker, heard: Heard) -> None:
    broker.create_queue(QueueSettings("new"))
    broker.update_queue(QueueSettings("new", max_delivery_count=2))
    broker.delete_queue("NEW")
    assert heard.events == [("created", "new"), ("updated", "new"), ("deleted", "new")]
    with pytest.raises(EntityExistsError):
        broker.create_queue(QueueSettings("QUEUE"))
    with pytest.raises(ArgumentError):
        broker.create_queue(QueueSettings("$queue"))
    with pytest.raises(InvalidOperationError):
        broker.update_queue(QueueSettings("queue", requires_session=True))
    for change in (broker.update_queue, lambda settings: broker.delete_queue(settings.name)):
        with pytest.raises(EntityNotFoundError):
            change(QueueSettings("missing"))
    assert len(heard.events) == 3


def test_number_of_queues_is_limited(broker: Broker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(broker_module, "MAX_QUEUES", 3)
    broker.create_queue(QueueSettings("third"))
    with pytest.raises(QuotaExceededError):
        broker.create_queue(QueueSettings("fourth"))
    broker.delete_queue("third")
    broker.create_queue(QueueSettings("fourth"))


def test_queue_has_times_of_creation_update_and_access(broker: Broker, clock: FakeClock) -> None:
    clock.now = created = clock.now + 10
    entity = broker.create_queue(QueueSettings("new"))
    clock.now = updated = clock.now + 10
    broker.update_queue(QueueSettings("new", max_delivery_count=2))
    clock.now = accessed = clock.now + 10
    Client(broker).send(attach_sender("new"))
    assert (entity.created_at, entity.updated_at, entity.accessed_at) == (created, updated, accessed)


@pytest.mark.parametrize("address", ["queue", "Queue", "queue/$DeadLetterQueue", "queue/$management"])
def test_a_deleted_queue_ends_the_links_to_it(broker: Broker, address: str) -> None:
    user, other = Client(broker), Client(broker)
    user.send(attach_receiver(address), credit(0, 1))
    other.send(attach_sender("sessions"))
    assert any(isinstance(each, Attach) for each in user.performatives())
    other.performatives()
    broker.delete_queue("queue")
    assert ended(user) == ["amqp:not-found"]
    assert other.received() == []
    user.send(attach_sender("queue", handle=1))
    assert ended(user) == ["amqp:not-found"]


def test_an_idle_queue_is_deleted(broker: Broker, clock: FakeClock, heard: Heard) -> None:
    broker.create_queue(QueueSettings("brief", auto_delete_on_idle=300))
    assert broker.next_due() == clock.now + 300
    clock.now += 299
    broker.advance()
    assert broker.entity_named("brief")
    clock.now += 1
    broker.advance()
    with pytest.raises(EntityNotFoundError):
        broker.entity_named("brief")
    assert heard.events[-1] == ("deleted", "brief")
    assert broker.next_due() == FOREVER


def test_queue_with_a_connected_client_is_not_idle(broker: Broker, clock: FakeClock) -> None:
    broker.create_queue(QueueSettings("brief", auto_delete_on_idle=300))
    client = Client(broker)
    client.send(attach_receiver("brief"))
    clock.now += 300
    broker.advance()
    assert broker.entity_named("brief")
    client.peer.connection_lost()
    clock.now += 300
    broker.advance()
    with pytest.raises(EntityNotFoundError):
        broker.entity_named("brief")


def test_update_can_make_a_queue_be_deleted_when_idle(broker: Broker, clock: FakeClock) -> None:
    broker.update_queue(replace(broker.entity_named("queue").queue.settings, auto_delete_on_idle=400))
    clock.now += 400
    broker.advance()
    with pytest.raises(EntityNotFoundError):
        broker.entity_named("queue")
