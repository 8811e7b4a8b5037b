"""Links that ask for a session."""

import pytest

from servicebus_broker.amqp.frames import encode_frame
from servicebus_broker.amqp.performatives import (
    Attach,
    Detach,
    Source,
)
from servicebus_broker.amqp.values import Symbol, UInt
from servicebus_broker.queues.settings import FOREVER, QueueSettings
from servicebus_broker.service.broker import Broker
from tests.unit.client import attach_receiver, attach_sender, credit
from tests.unit.peers import Client, deliveries, encoded, transfer
from tests.unit.queues.conftest import FakeClock


def test_a_session_attach_waits_for_a_session_and_names_it(broker: Broker) -> None:
    sender, receiver = Client(broker), Client(broker)
    receiver.send(attach_receiver("sessions", filter_={Symbol("com.microsoft:session-filter"): None}))
    assert receiver.performatives() == []
    sender.send(attach_sender("sessions"), transfer(0, encoded("a", session="s1")))
    (attach,) = receiver.performatives()
    assert isinstance(attach, Attach)
    assert attach.source is not None
    assert attach.source.address == "sessions"
    assert attach.source.filter == {"com.microsoft:session-filter": "s1"}
    receiver.send(credit(0, 5))
    assert deliveries(receiver) == ["a"]


def test_credit_may_come_right_behind_the_attach(broker: Broker) -> None:
    sender, receiver, session_receiver = Client(broker), Client(broker), Client(broker)
    next_session = attach_receiver("sessions", filter_={Symbol("com.microsoft:session-filter"): None})
    session_receiver.send(next_session + credit(0, 5))
    receiver.send(attach_receiver("queue") + credit(0, 5))
    sender.send(attach_sender("queue"), transfer(0, encoded("a")))
    assert deliveries(receiver) == ["a"]
    sender = Client(broker)
    sender.send(attach_sender("sessions"), transfer(0, encoded("b", session="s")))
    assert deliveries(session_receiver) == ["b"]


def test_a_session_attach_times_out(broker: Broker, clock: FakeClock) -> None:
    client = Client(broker)
    request = Attach(
        "l",
        0,
        True,
        0,
        1,
        source=Source("sessions", filter={Symbol("com.microsoft:session-filter"): None}),
        properties={Symbol("com.microsoft:timeout"): UInt(2000)},
    )
    client.send(encode_frame(request, channel=1))
    assert broker.next_due() == clock.now + 2
    clock.advance(2)
    broker.advance()
    detach = client.performatives()[-1]
    assert isinstance(detach, Detach)
    assert detach.error is not None
    assert detach.error.condition == "com.microsoft:timeout"
    assert broker.next_due() == FOREVER


def test_client_that_stopped_waiting_gets_no_session(broker: Broker) -> None:
    seeker, sender, other = Client(broker), Client(broker), Client(broker)
    seeker.send(attach_receiver("sessions", filter_={Symbol("com.microsoft:session-filter"): None}))
    seeker.peer.connection_lost()
    assert broker.next_due() == FOREVER
    sender.send(attach_sender("sessions"), transfer(0, encoded("a", session="s")))
    other.send(attach_receiver("sessions", filter_={Symbol("com.microsoft:session-filter"): "s"}), credit(0, 1))
    assert deliveries(other) == ["a"]


@pytest.mark.parametrize("keeps", [False, True])
def test_session_of_a_client_that_is_gone_may_be_kept_until_its_lock_expires(clock: FakeClock, keeps: bool) -> None:
    queue = QueueSettings("sessions", requires_session=True, lock_duration=30)
    broker = Broker([queue], clock, keeps_session_locks=keeps)
    sender, gone, other = Client(broker), Client(broker), Client(broker)
    next_session = attach_receiver("sessions", filter_={Symbol("com.microsoft:session-filter"): None})
    sender.send(attach_sender("sessions"), transfer(0, encoded("a", session="s")))
    gone.send(next_session, credit(0, 1))
    assert deliveries(gone) == ["a"]
    gone.peer.connection_lost()
    other.send(next_session, credit(0, 1))
    assert deliveries(other) == ([] if keeps else ["a"])
    clock.advance(31)
    broker.advance()
    broker.dispatch()
    assert deliveries(other) == (["a"] if keeps else [])


def test_session_is_free_when_its_client_ends_its_link(clock: FakeClock) -> None:
    broker = Broker([QueueSettings("sessions", requires_session=True)], clock, keeps_session_locks=True)
    sender, first, other = Client(broker), Client(broker), Client(broker)
    next_session = attach_receiver("sessions", filter_={Symbol("com.microsoft:session-filter"): None})
    sender.send(attach_sender("sessions"), transfer(0, encoded("a", session="s")))
    first.send(next_session)
    first.send(encode_frame(Detach(0, closed=True), channel=1))
    first.peer.connection_lost()
    other.send(next_session, credit(0, 1))
    assert deliveries(other) == ["a"]
