"""The limits on what all connections hold together."""

from servicebus_broker.amqp.frames import encode_frame
from servicebus_broker.amqp.performatives import Attach, Begin, Close, Detach, End, Error, Transfer
from servicebus_broker.limits import Limits
from servicebus_broker.queues.settings import QueueSettings
from servicebus_broker.service.broker import Broker
from servicebus_broker.service.peer import Peer
from tests.unit.client import HANDSHAKE, attach_receiver, attach_sender, credit, read_frames
from tests.unit.peers import Client, encoded, transfer
from tests.unit.queues.conftest import LOCK, FakeClock

PART = 1000


def broker_with(limits: Limits, clock: FakeClock) -> Broker:
    return Broker([QueueSettings("queue", lock_duration=LOCK, max_delivery_count=1000)], clock, limits)


def part(delivery: int, handle: int = 0) -> bytes:
    """A frame of a message whose last frame does not come."""
    return encode_frame(Transfer(handle, delivery, b"tag", 0, False, more=True), bytes(PART), channel=1)


def error_of(peer: Peer) -> Error | None:
    """The error that the connection was closed with."""
    frames = [performative for performative, _ in read_frames(peer.connection.data_to_send())]
    closes = [each for each in frames if isinstance(each, Close)]
    return closes[0].error if closes else None


def test_the_client_with_the_most_incomplete_bytes_is_closed(clock: FakeClock) -> None:
    broker = broker_with(Limits(max_incomplete_bytes=100 * PART, max_total_incomplete_bytes=10 * PART), clock)
    modest, greedy = Client(broker), Client(broker)
    greedy.send(attach_sender("queue"), *[part(0)] * 8)
    modest.send(attach_sender("queue"), *[part(0)] * 3)
    error = error_of(greedy.peer)
    assert error is not None
    assert error.condition == "amqp:resource-limit-exceeded"
    assert greedy.peer.connection.fault is not None
    assert broker.totals.incomplete.used == 3 * PART
    modest.send(transfer(0, encoded("x")), *[part(1)] * 11)
    assert error_of(modest.peer) is not None
    assert broker.totals.incomplete.used == 0
    assert not broker.totals.incomplete_by_connection


def test_links_of_all_connections_have_a_limit(clock: FakeClock) -> None:
    broker = broker_with(Limits(max_total_links=3), clock)
    clients = [Client(broker), Client(broker)]
    for client in clients:
        client.send(attach_sender("queue", 0), attach_sender("queue", 1))
    detach = clients[1].performatives()[-1]
    assert isinstance(detach, Detach)
    assert detach.error is not None
    assert detach.error.condition == "amqp:resource-limit-exceeded"
    clients[0].send(encode_frame(Detach(0, True), channel=1))
    clients[1].send(attach_sender("queue", 2))
    assert isinstance(clients[1].performatives()[-2], Attach)
    assert broker.totals.links.used == 3
    for client in clients:
        client.peer.connection_lost()
    assert (broker.totals.links.used, broker.totals.sessions.used) == (0, 0)


def test_a_link_that_replaces_an_ended_one_counts_once(clock: FakeClock) -> None:
    broker = broker_with(Limits(), clock)
    client = Client(broker)
    for _ in range(5):
        # Refused, and attached again under its handle before the refusal was confirmed.
        client.send(attach_sender("nowhere"))
    assert broker.totals.links.used == 1
    client.send(encode_frame(End(), channel=1))
    assert (broker.totals.links.used, broker.totals.sessions.used) == (0, 0)


def test_sessions_of_all_connections_have_a_limit(clock: FakeClock) -> None:
    broker = broker_with(Limits(max_total_sessions=3), clock)
    first, second = Client(broker), Client(broker)
    first.send(encode_frame(Begin(None, 0, 1000, 1000), channel=2))
    second.send(encode_frame(Begin(None, 0, 1000, 1000), channel=2))
    assert error_of(second.peer) is not None
    assert not first.peer.connection.is_closed
    assert broker.totals.sessions.used == 2


def test_unsettled_deliveries_of_all_connections_have_a_limit(clock: FakeClock) -> None:
    broker = broker_with(Limits(max_total_unsettled=10), clock)
    sender = Client(broker)
    sender.send(attach_sender("queue"), *[transfer(number, encoded("x")) for number in range(4)])
    receivers = [Client(broker) for _ in range(3)]
    for round_ in range(5):
        for receiver in receivers:
            receiver.send(*[] if round_ else [attach_receiver("queue")], credit(0, 100, seen=0))
            assert broker.totals.unsettled.used <= 10
            clock.advance(LOCK)
            broker.advance()
            broker.dispatch()
    for receiver in receivers:
        receiver.peer.connection_lost()
    assert broker.totals.unsettled.used == 0


def test_frames_are_small_until_the_connection_is_open(clock: FakeClock) -> None:
    broker = broker_with(Limits(max_first_frame_size=600), clock)
    peer = broker.connect()
    peer.receive_data(HANDSHAKE[:8] + (601).to_bytes(4, "big") + b"\x02\x01\x00\x00")
    assert peer.connection.is_closed
    client = Client(broker)
    client.send(attach_sender("queue"), transfer(0, encoded("x" * 2000)))
    assert not client.peer.connection.is_closed
    assert broker.queues()[0].counts().active == 1
