"""The limits of one client, and the errors above them."""

import logging

import pytest

from servicebus_broker.amqp.connection import Connection
from servicebus_broker.amqp.encode import encode
from servicebus_broker.amqp.frames import AMQP_HEADER, encode_frame
from servicebus_broker.amqp.incoming import IncomingLink
from servicebus_broker.amqp.outgoing import OutgoingLink
from servicebus_broker.amqp.performatives import (
    Accepted,
    Attach,
    Begin,
    Close,
    Coordinator,
    Detach,
    Disposition,
    Error,
    Flow,
    Open,
    Rejected,
    Transfer,
)
from servicebus_broker.amqp.sections import BATCH_FORMAT, Sections, write_message
from servicebus_broker.amqp.session import INCOMING_WINDOW
from servicebus_broker.amqp.values import Described, ULong
from servicebus_broker.flood import FloodFilter
from servicebus_broker.limits import Limits
from servicebus_broker.queues.settings import QueueSettings
from servicebus_broker.service.broker import Broker
from servicebus_broker.service.peer import Peer
from tests.unit.client import HANDSHAKE, attach_receiver, attach_sender, credit, read_frames, receive
from tests.unit.queues.conftest import FakeClock

BODY = b"\x00\x53\x75\xa0\x01x"


def opened(limits: Limits) -> Connection:
    connection = Connection("server", limits)
    receive(connection, HANDSHAKE)
    connection.data_to_send()
    return connection


def connected(limits: Limits) -> Peer:
    """A client of a broker with one queue."""
    peer = Broker([QueueSettings("queue")], FakeClock(), limits).connect()
    peer.receive_data(HANDSHAKE)
    peer.connection.data_to_send()
    return peer


def sent(connection: Connection) -> list[object]:
    return [performative for performative, _ in read_frames(connection.data_to_send())]


def transfer(payload: bytes, delivery_id: int | None = 0, *, handle: int = 0, more: bool = False) -> bytes:
    return encode_frame(Transfer(handle, delivery_id, b"tag", 0, False, more), payload, channel=1)


def condition_of(performative: object) -> str | None:
    assert isinstance(performative, Close | Detach)
    return performative.error.condition if performative.error else None


def test_connection_above_the_limit_is_opened_and_closed_with_the_reason() -> None:
    connection = Connection("server", Limits(), refusal=Error("amqp:resource-limit-exceeded", "too many"))
    assert receive(connection, HANDSHAKE) == []
    open_, close = sent(connection)
    assert isinstance(open_, Open)
    assert condition_of(close) == "amqp:resource-limit-exceeded"
    assert connection.is_closed
    assert connection.fault is None


def test_link_above_the_limit_is_refused_and_the_others_stay_open() -> None:
    connection = opened(Limits(max_links=2))
    begin = encode_frame(Begin(None, 0, 1000, 1000), channel=2)
    assert len(receive(connection, attach_sender("q", 0) + attach_receiver("q", 1) + begin)) == 2
    sent(connection)
    assert receive(connection, attach_sender("q", 2)) == []
    attach, detach = sent(connection)
    assert isinstance(attach, Attach)
    assert attach.target is None
    assert condition_of(detach) == "amqp:resource-limit-exceeded"
    # A detached link makes room.
    receive(connection, encode_frame(Detach(0, True), channel=1) + attach_sender("q", 3))
    assert connection.link_count() == 2


def test_incomplete_messages_of_all_links_are_bounded_together() -> None:
    connection = opened(Limits(max_message_size=1000, max_incomplete_bytes=1500))
    for handle in (0, 1):
        (event,) = receive(connection, attach_sender("q", handle))
        assert isinstance(event.link, IncomingLink)
        event.link.accept()
        receive(connection, transfer(bytes(700), handle=handle, more=True))
    assert connection.incomplete.used == 1400
    # A message that is too large is not kept, and its end frees the bytes.
    receive(connection, transfer(bytes(700), None, more=True))
    assert connection.incomplete.used == 700
    receive(connection, encode_frame(Detach(1, True), channel=1))
    assert connection.incomplete.used == 0
    for handle in (2, 3, 4):
        (event,) = receive(connection, attach_sender("q", handle))
        assert isinstance(event.link, IncomingLink)
        event.link.accept()
    sent(connection)
    receive(connection, b"".join(transfer(bytes(700), handle=handle, more=True) for handle in (2, 3, 4)))
    assert condition_of(sent(connection)[-1]) == "amqp:resource-limit-exceeded"
    assert connection.incomplete.used == 0


def test_of_too_many_unsettled_deliveries_the_oldest_are_forgotten() -> None:
    connection = opened(Limits(max_unsettled=2))
    (event,) = receive(connection, attach_receiver("q"))
    assert isinstance(event.link, OutgoingLink)
    event.link.accept()
    receive(connection, credit(0, 5))
    for tag in (b"0", b"1", b"2"):
        event.link.send(tag, b"x")
    sent(connection)
    decision = encode_frame(Disposition(True, 0, 2, False, Accepted()), channel=1)
    assert [each.delivery_tag for each in receive(connection, decision)] == [b"1", b"2"]  # type: ignore[union-attr]  # only settlements come


def test_input_of_a_client_that_does_not_read_is_not_handled() -> None:
    connection = opened(Limits(max_output=500))
    requests = encode_frame(Flow(0, 1000, 0, 1000, echo=True), channel=1) * 1000
    assert receive(connection, requests) == []
    assert connection.has_more
    assert connection.is_backed_up
    answered = connection.data_to_send()
    assert 500 <= len(answered) < 600
    while connection.has_more:
        assert receive(connection, b"") == []
        answered += connection.data_to_send()
    assert len(read_frames(answered)) == 1000


def test_a_client_that_does_not_read_is_sent_no_more_than_the_limit() -> None:
    peer = connected(Limits(max_output=5_000))
    message = write_message(Sections(body=b"\x00\x53\x75\xb0\x00\x00\x03\xe8" + bytes(1000)), 0, {})
    peer.receive_data(attach_sender("queue") + transfer(message) * 20)
    sent(peer.connection)
    peer.receive_data(attach_receiver("queue", 1) + credit(1, 100))
    delivered = 0
    for _ in range(20):
        peer.resume()
        peer._namespace.dispatch()
        data = peer.connection.data_to_send()
        assert len(data) < 5_000 + 1_300
        delivered += sum(isinstance(each, Transfer) for each, _ in read_frames(data))
    assert delivered == 20


def test_frames_of_one_turn_are_bounded() -> None:
    connection = opened(Limits(frames_per_turn=10))
    requests = encode_frame(Flow(0, 1000, 0, 1000, echo=True), channel=1) * 25
    turns = []
    receive(connection, requests)
    turns.append(len(sent(connection)))
    while connection.has_more:
        receive(connection, b"")
        turns.append(len(sent(connection)))
    assert turns == [10, 10, 5]


def test_the_window_of_a_client_with_tiny_frames_is_opened_again() -> None:
    connection = opened(Limits(frames_per_turn=INCOMING_WINDOW))
    (event,) = receive(connection, attach_sender("q"))
    assert isinstance(event.link, IncomingLink)
    event.link.accept()
    sent(connection)
    parts = transfer(b"x", more=True) + transfer(b"x", None, more=True) * (INCOMING_WINDOW // 2)
    assert receive(connection, parts) == []
    (flow,) = sent(connection)
    assert isinstance(flow, Flow)
    assert (flow.next_incoming_id, flow.incoming_window) == (INCOMING_WINDOW // 2 + 1, INCOMING_WINDOW)


def test_heartbeats_have_a_shortest_interval() -> None:
    connection = Connection("server", Limits())
    receive(connection, AMQP_HEADER + encode_frame(Open("client", idle_time_out=1)))
    assert condition_of(sent(connection)[-1]) == "amqp:not-allowed"


def test_half_of_the_idle_time_out_is_advertised() -> None:
    connection = Connection("server", Limits(idle_timeout=480))
    receive(connection, AMQP_HEADER + encode_frame(Open("client")))
    (open_,) = sent(connection)
    assert isinstance(open_, Open)
    assert open_.idle_time_out == 240_000


def test_a_second_link_of_a_name_steals_the_first() -> None:
    peer = connected(Limits())
    peer.receive_data(attach_receiver("queue"))
    sent(peer.connection)
    again = Attach("from queue 0", 5, True, 0, 1)
    peer.receive_data(encode_frame(again, channel=1))
    detach = sent(peer.connection)[0]
    assert isinstance(detach, Detach)
    assert detach.handle == 0
    assert condition_of(detach) == "amqp:link:stolen"


@pytest.mark.parametrize(
    ("attach", "condition"),
    [
        pytest.param(Attach("l", 0, target=Coordinator()), "amqp:not-implemented", id="transactions"),
        pytest.param(Attach("l", 0, False), "com.microsoft:argument-error", id="no target"),
        pytest.param(Attach("l", 0, True), "com.microsoft:argument-error", id="no source"),
    ],
)
def test_links_to_unknown_nodes_are_refused(attach: Attach, condition: str) -> None:
    peer = connected(Limits())
    peer.receive_data(encode_frame(attach, channel=1))
    assert condition_of(sent(peer.connection)[-1]) == condition


@pytest.mark.parametrize("address", ["news/Subscriptions/mine", "news/subscriptions/mine/$DeadLetterQueue"])
def test_subscriptions_are_refused_by_name(address: str) -> None:
    peer = connected(Limits())
    peer.receive_data(attach_receiver(address))
    detach = sent(peer.connection)[-1]
    assert isinstance(detach, Detach)
    assert detach.error is not None
    assert "subscriptions are not supported" in (detach.error.description or "")


def test_a_batch_of_too_many_messages_is_rejected() -> None:
    peer = connected(Limits(max_batch_messages=2))
    batch = encode(Described(ULong(0x75), BODY)) * 3
    frame = encode_frame(Transfer(0, 0, b"tag", BATCH_FORMAT, False), batch, channel=1)
    peer.receive_data(attach_sender("queue") + frame)
    disposition = sent(peer.connection)[-1]
    assert isinstance(disposition, Disposition)
    assert isinstance(disposition.state, Rejected)
    assert disposition.state.error is not None
    assert disposition.state.error.condition == "amqp:resource-limit-exceeded"


def test_too_many_unread_replies_end_their_link() -> None:
    peer = connected(Limits(max_waiting_replies=500))
    peer.receive_data(attach_sender("queue/$management") + attach_receiver("queue/$management", 1))
    sent(peer.connection)
    request = write_message(Sections(body=b"\x00\x53\x77\x40"), 0, {})
    peer.receive_data(b"".join(transfer(request, number) for number in range(20)))
    (detach,) = [each for each in sent(peer.connection) if isinstance(each, Detach)]
    assert detach.handle == 1
    assert condition_of(detach) == "amqp:resource-limit-exceeded"


def test_log_lines_above_the_limit_are_dropped_and_counted() -> None:
    flood = FloodFilter(lines=2, period=3600)
    record = logging.LogRecord("name", logging.WARNING, __file__, 1, "a line about %s", ("someone",), None)
    assert [flood.filter(record) for _ in range(5)] == [True, True, False, False, False]
    flood._started -= 3600
    assert flood.filter(record)
    assert record.getMessage() == "a line about someone (3 similar lines were dropped before)"
