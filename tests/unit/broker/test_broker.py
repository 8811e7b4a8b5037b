"""The whole broker without a socket: bytes in, bytes out, and a clock that the test moves."""

import pytest

from local.broker.amqp.encode import encode
from local.broker.amqp.frames import encode_frame
from local.broker.amqp.performatives import (
    Accepted,
    Attach,
    Detach,
    Disposition,
    Flow,
    Modified,
    Rejected,
    Source,
    Transfer,
)
from local.broker.amqp.sections import BATCH_FORMAT, Sections, entry_value, read_sections, write_message
from local.broker.amqp.values import Described, Symbol, UInt, ULong
from local.broker.queues.settings import FOREVER, QueueSettings
from local.broker.service.addresses import Address, parse_address
from local.broker.service.broker import Broker
from local.broker.service.peer import Peer
from tests.unit.broker.client import HANDSHAKE, attach_receiver, attach_sender, credit, read_frames
from tests.unit.broker.queues.conftest import FakeClock

LOCK = 60.0
QUEUES = [QueueSettings("queue", lock_duration=LOCK), QueueSettings("sessions", requires_session=True)]


class Client:
    """A client of the broker, and what it was sent."""

    def __init__(self, broker: Broker) -> None:
        self.broker = broker
        self.peer: Peer = broker.connect()
        self.send(HANDSHAKE)
        self.received()

    def send(self, *frames: bytes) -> None:
        for frame in frames:
            self.peer.receive_data(frame)
            self.broker.dispatch()

    def received(self) -> list[tuple[object, bytes]]:
        return read_frames(self.peer.connection.data_to_send())

    def performatives(self) -> list[object]:
        return [performative for performative, _ in self.received()]


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def broker(clock: FakeClock) -> Broker:
    return Broker(QUEUES, clock)


def encoded(body: str, session: str | None = None) -> bytes:
    properties = encode(Described(ULong(0x73), [None] * 10 + [session]))
    data = encode(Described(ULong(0x75), body.encode()))
    return write_message(Sections(properties=properties, body=data), 0, {})


def transfer(delivery_id: int, payload: bytes, message_format: int = 0) -> bytes:
    return encode_frame(Transfer(0, delivery_id, b"tag", message_format, False), payload, channel=1)


def settle(delivery_id: int, outcome: Accepted | Modified) -> bytes:
    return encode_frame(Disposition(True, delivery_id, None, False, outcome), channel=1)


def body(payload: bytes) -> str:
    return read_sections(payload).body[5:].decode()


def deliveries(client: Client) -> list[str]:
    return [body(payload) for performative, payload in client.received() if isinstance(performative, Transfer)]


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


def test_a_batch_is_taken_apart(broker: Broker) -> None:
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


def test_drain_delivers_what_is_there_first(broker: Broker) -> None:
    client = Client(broker)
    client.send(attach_sender("queue"), transfer(0, encoded("a")))
    client.received()
    client.send(attach_receiver("queue", 1), credit(1, 3, drain=True))
    frames = client.performatives()
    assert [type(each) for each in frames] == [Attach, Transfer, Flow]


def test_an_unknown_queue_refuses_the_link(broker: Broker) -> None:
    client = Client(broker)
    for attach in (attach_sender("nowhere", 0), attach_receiver("nowhere/$DeadLetterQueue", 1)):
        client.send(attach)
        detach = client.performatives()[-1]
        assert isinstance(detach, Detach)
        assert detach.error is not None
        assert detach.error.condition == "amqp:not-found"
        assert "nowhere" in (detach.error.description or "")


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


def test_a_seeker_that_left_is_not_given_a_session(broker: Broker) -> None:
    seeker, sender, other = Client(broker), Client(broker), Client(broker)
    seeker.send(attach_receiver("sessions", filter_={Symbol("com.microsoft:session-filter"): None}))
    seeker.peer.connection_lost()
    assert broker.next_due() == FOREVER
    sender.send(attach_sender("sessions"), transfer(0, encoded("a", session="s")))
    other.send(attach_receiver("sessions", filter_={Symbol("com.microsoft:session-filter"): "s"}), credit(0, 1))
    assert deliveries(other) == ["a"]


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
def test_addresses(text: str, address: Address) -> None:
    assert parse_address(text) == address
    assert address.is_cbs == (text == "$cbs")
