"""Links that a queue accepts, refuses and ends."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from servicebus_broker.amqp.performatives import (
    Accepted,
    Attach,
    Detach,
)
from servicebus_broker.amqp.values import Symbol
from servicebus_broker.queues.settings import FOREVER, EntityStatus
from servicebus_broker.service.addresses import Address, parse_address
from servicebus_broker.service.broker import Broker
from tests.unit.client import attach_receiver, attach_sender, credit
from tests.unit.peers import Client, deliveries, encoded, refusal, settle, transfer
from tests.unit.queues.conftest import LOCK, FakeClock


def test_the_answer_to_a_link_has_no_filter_that_is_not_applied(broker: Broker) -> None:
    client = Client(broker)
    client.send(attach_receiver("queue", filter_={Symbol("apache.org:selector-filter:string"): "a = 1"}))
    (attach,) = client.performatives()
    assert isinstance(attach, Attach)
    assert attach.source is not None
    assert (attach.source.address, attach.source.filter) == ("queue", None)


def test_an_unknown_queue_refuses_the_link(broker: Broker) -> None:
    client = Client(broker)
    for attach in (attach_sender("nowhere", 0), attach_receiver("nowhere/$DeadLetterQueue", 1)):
        client.send(attach)
        detach = client.performatives()[-1]
        assert isinstance(detach, Detach)
        assert detach.error is not None
        assert detach.error.condition == "amqp:not-found"
        assert "nowhere" in (detach.error.description or "")


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("queue", Address("queue")),
        ("amqps://127.0.0.1:5672/queue", Address("queue")),
        ("amqp://host/a/b", Address("a/b")),
        ("queue/$DeadLetterQueue", Address("queue", dead_letters=True)),
        ("queue/$management", Address("queue", management=True)),
        ("amqps://h/queue/$deadletterqueue/$management", Address("queue", dead_letters=True, management=True)),
        ("$cbs", Address("")),
    ],
)
def test_addresses_are_parsed(text: str, address: Address) -> None:
    assert parse_address(text) == address
    assert address.is_cbs == (text == "$cbs")


def update(broker: Broker, queue: str, **changes: object) -> None:
    """Change a queue's settings as administration does."""
    settings = broker.entity_named(queue).queue.settings
    broker.update_queue(replace(settings, **changes))  # type: ignore[arg-type]  # tests pass what fits
    broker.dispatch()


def test_message_to_a_forwarding_queue_is_delivered_from_its_target_at_once(broker: Broker) -> None:
    sender, receiver = Client(broker), Client(broker)
    receiver.send(attach_receiver("target"), credit(0, 5))
    sender.send(attach_sender("source"), transfer(0, encoded("a")))
    assert deliveries(receiver) == ["a"]
    assert broker.entity_named("source").queue.counts().transfer == 0


def test_a_receiver_of_a_queue_that_forwards_is_refused(broker: Broker) -> None:
    client = Client(broker)
    client.send(attach_receiver("source"))
    assert refusal(client).condition == "amqp:not-allowed"


@pytest.mark.parametrize(("status", "attach"), [("SendDisabled", attach_sender), ("ReceiveDisabled", attach_receiver)])
def test_links_to_a_disabled_queue_are_refused(broker: Broker, status: str, attach: Callable[[str], bytes]) -> None:
    update(broker, "queue", status=EntityStatus(status))
    client = Client(broker)
    client.send(attach("queue"))
    assert refusal(client).condition == "com.microsoft:entity-disabled"


@pytest.mark.parametrize("change", [{"status": EntityStatus.RECEIVE_DISABLED}, {"forward_to": "target"}])
def test_receivers_are_dropped_when_receiving_is_disabled(broker: Broker, change: dict[str, object]) -> None:
    client = Client(broker)
    client.send(attach_receiver("queue"), credit(0, 5))
    client.received()
    update(broker, "queue", **change)
    assert refusal(client).condition in ("com.microsoft:entity-disabled", "amqp:not-allowed")


def test_session_receivers_are_dropped_when_receiving_is_disabled(broker: Broker) -> None:
    sender, holder, seeker = Client(broker), Client(broker), Client(broker)
    any_session: dict[object, object] = {Symbol("com.microsoft:session-filter"): None}
    sender.send(attach_sender("sessions"), transfer(0, encoded("a", session="s")))
    holder.send(attach_receiver("sessions", filter_=any_session), credit(0, 5))
    seeker.send(attach_receiver("sessions", filter_=any_session))
    holder.received()
    update(broker, "sessions", status=EntityStatus.RECEIVE_DISABLED)
    assert refusal(seeker).condition == "com.microsoft:entity-disabled"
    assert refusal(holder).condition == "com.microsoft:entity-disabled"


def test_only_queues_with_something_due_wake_the_broker(broker: Broker, clock: FakeClock) -> None:
    client = Client(broker)
    client.send(attach_sender("queue"), transfer(0, encoded("a")), attach_receiver("queue", 1), credit(1, 1))
    assert broker.next_due() == clock.now + LOCK
    client.send(settle(0, Accepted()))
    assert broker.next_due() == FOREVER


def test_an_idle_queue_deletes_itself_at_its_time(broker: Broker, clock: FakeClock) -> None:
    update(broker, "queue", auto_delete_on_idle=300)
    assert broker.next_due() == clock.now + 300
    clock.advance(200)
    client = Client(broker)
    client.send(attach_sender("queue"), transfer(0, encoded("a")))
    client.peer.connection_lost()
    clock.advance(299)
    broker.advance()
    assert broker.entity_named("queue")
    assert broker.next_due() == clock.now + 1
    clock.advance(1)
    broker.advance()
    assert "queue" not in [each.queue.name for each in broker.entities()]
    assert broker.next_due() == FOREVER
