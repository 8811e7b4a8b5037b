"""The whole broker without a socket: bytes in, bytes out, and a clock that the test moves."""

from servicebus_broker.amqp.encode import encode
from servicebus_broker.amqp.performatives import (
    Accepted,
    Attach,
    Disposition,
    Flow,
    Rejected,
    Transfer,
)
from servicebus_broker.amqp.sections import BATCH_FORMAT, entry_value, read_sections
from servicebus_broker.amqp.values import Described, ULong
from servicebus_broker.queues.settings import FOREVER
from servicebus_broker.service.broker import Broker
from tests.unit.client import attach_receiver, attach_sender, credit
from tests.unit.peers import Client, body, deliveries, encoded, settle, transfer
from tests.unit.queues.conftest import LOCK, FakeClock


def test_a_message_is_accepted_delivered_and_completed(broker: Broker) -> None:
    sender, receiver = Client(broker), Client(broker)
    receiver.send(attach_receiver("amqps://127.0.0.1:5672/QUEUE"), credit(0, 1))
    sender.send(attach_sender("amqps://127.0.0.1:5672/queue"), transfer(0, encoded("hello")))
    assert Disposition(True, 0, None, True, Accepted()) in sender.performatives()
    assert receiver.peer in broker.take_touched()
    (delivery,) = [each for each in receiver.received() if isinstance(each[0], Transfer)]
    sections = read_sections(delivery[1])
    assert body(delivery[1]) == "hello"
    assert entry_value(sections.annotations["x-opt-sequence-number"]) == 1
    receiver.send(settle(0, Accepted()))
    assert receiver.performatives() == [Disposition(False, 0, None, True, Accepted())]
    assert broker.next_due() == FOREVER


def test_message_is_delivered_before_its_sender_is_answered(broker: Broker) -> None:
    sender, receiver = Client(broker), Client(broker)
    receiver.send(attach_receiver("queue"), credit(0, 1))
    sender.send(attach_sender("queue"))
    broker.take_touched()
    sender.send(transfer(0, encoded("hello")))
    assert broker.take_touched() == [receiver.peer, sender.peer]


def test_batch_is_split_into_messages(broker: Broker) -> None:
    client = Client(broker)
    batch = b"".join(encode(Described(ULong(0x75), encoded(text))) for text in ("a", "b"))
    client.send(attach_sender("queue"), transfer(0, batch, BATCH_FORMAT))
    client.received()
    client.send(attach_receiver("queue", 1), credit(1, 5))
    assert deliveries(client) == ["a", "b"]


def test_receivers_take_turns_and_get_no_more_than_their_credit(broker: Broker) -> None:
    sender, first, second = Client(broker), Client(broker), Client(broker)
    first.send(attach_receiver("queue"), credit(0, 3))
    second.send(attach_receiver("queue"), credit(0, 1))
    sender.send(attach_sender("queue"), *(transfer(n, encoded(str(n))) for n in range(5)))
    assert deliveries(first) == ["0", "2", "3"]
    assert deliveries(second) == ["1"]


def test_a_malformed_message_is_rejected_with_condition_description_and_info(broker: Broker) -> None:
    client = Client(broker)
    client.send(attach_sender("queue"), transfer(0, b"garbage"))
    disposition = client.performatives()[-1]
    assert isinstance(disposition, Disposition)
    assert isinstance(disposition.state, Rejected)
    assert disposition.state.error is not None
    assert disposition.state.error.condition == "amqp:decode-error"
    assert disposition.state.error.description
    assert disposition.state.error.info == {}


def test_messages_of_a_dead_connection_stay_locked_until_their_lock_expires(broker: Broker, clock: FakeClock) -> None:
    sender, dead, heir = Client(broker), Client(broker), Client(broker)
    sender.send(attach_sender("queue"), transfer(0, encoded("a")))
    dead.send(attach_receiver("queue"), credit(0, 1))
    assert deliveries(dead) == ["a"]
    dead.peer.connection_lost()
    heir.send(attach_receiver("queue"), credit(0, 1))
    assert deliveries(heir) == []
    assert broker.next_due() == clock.now + LOCK
    clock.advance(LOCK)
    broker.advance()
    broker.dispatch()
    assert deliveries(heir) == ["a"]


def test_a_receiver_that_does_not_read_gets_nothing_until_it_does(broker: Broker) -> None:
    sender, receiver = Client(broker), Client(broker)
    receiver.send(attach_receiver("queue"), credit(0, 5))
    receiver.peer.connection.paused = True
    sender.send(attach_sender("queue"), transfer(0, encoded("a")))
    receiver.received()
    assert deliveries(receiver) == []
    receiver.peer.resume()
    broker.dispatch()
    assert deliveries(receiver) == ["a"]


def test_drain_delivers_available_messages_first(broker: Broker) -> None:
    client = Client(broker)
    client.send(attach_sender("queue"), transfer(0, encoded("a")))
    client.received()
    client.send(attach_receiver("queue", 1), credit(1, 3, drain=True))
    frames = client.performatives()
    assert [type(each) for each in frames] == [Attach, Transfer, Flow]
