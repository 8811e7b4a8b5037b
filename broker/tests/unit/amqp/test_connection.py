"""The connection's state machine, driven with bytes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from servicebus_broker.amqp.connection import Connection
from servicebus_broker.amqp.events import Event, LinkClosed, LinkRequested
from servicebus_broker.amqp.frames import AMQP_HEADER, HEARTBEAT, SASL_HEADER, encode_frame
from servicebus_broker.amqp.incoming import LINK_CREDIT, IncomingLink, MessageReceived
from servicebus_broker.amqp.outgoing import CreditChanged, DeliverySettled, OutgoingLink
from servicebus_broker.amqp.performatives import (
    Accepted,
    Attach,
    Begin,
    Close,
    Detach,
    Disposition,
    End,
    Error,
    Flow,
    Modified,
    Open,
    Rejected,
    Transfer,
)
from servicebus_broker.limits import Limits
from tests.unit.client import HANDSHAKE, attach_receiver, attach_sender, credit, read_frames, receive

MAX_MESSAGE = 100_000
LIMITS = Limits(max_message_size=MAX_MESSAGE)


@pytest.fixture
def connection() -> Connection:
    """A connection whose client has opened it and begun a session on channel 1."""
    connection = Connection("server", LIMITS)
    assert receive(connection, HANDSHAKE) == []
    performatives = [type(each) for each, _ in read_frames(connection.data_to_send())]
    assert performatives == [Open, Begin]
    return connection


def incoming(connection: Connection) -> IncomingLink:
    (event,) = receive(connection, attach_sender("queue"))
    assert isinstance(event, LinkRequested)
    assert isinstance(event.link, IncomingLink)
    event.link.accept()
    return event.link


def outgoing(connection: Connection, granted: int = 0) -> OutgoingLink:
    (event,) = receive(connection, attach_receiver("queue"))
    assert isinstance(event, LinkRequested)
    assert isinstance(event.link, OutgoingLink)
    event.link.accept()
    if granted:
        receive(connection, credit(0, granted))
    connection.data_to_send()
    return event.link


def sent(connection: Connection) -> list[object]:
    return [performative for performative, _ in read_frames(connection.data_to_send())]


def transfer(delivery_id: int | None, payload: bytes, *, more: bool = False, settled: bool = False) -> bytes:
    frame = Transfer(0, delivery_id, b"tag", 0, settled, more)
    return encode_frame(frame, payload, channel=1)


def test_the_handshake_may_arrive_byte_by_byte() -> None:
    connection = Connection("server", LIMITS)
    for byte in HANDSHAKE:
        receive(connection, bytes((byte,)))
    data = connection.data_to_send()
    assert data.startswith(SASL_HEADER)
    assert [type(each) for each in (performative for performative, _ in read_frames(data))] == [Open, Begin]


def test_connection_without_sasl_is_accepted() -> None:
    connection = Connection("server", LIMITS)
    receive(connection, AMQP_HEADER + encode_frame(Open("client")))
    assert connection.data_to_send().startswith(AMQP_HEADER)
    assert connection.can_send


def test_connection_of_another_protocol_is_closed() -> None:
    connection = Connection("server", LIMITS)
    receive(connection, b"GET / HTTP/1.1\r\n")
    assert connection.data_to_send() == AMQP_HEADER
    assert connection.is_closed


def test_sender_gets_more_credit_before_it_runs_out(connection: Connection) -> None:
    incoming(connection)
    attach, flow = sent(connection)
    assert isinstance(attach, Attach)
    assert attach.max_message_size == MAX_MESSAGE
    assert isinstance(flow, Flow)
    assert flow.link_credit == LINK_CREDIT
    for delivery_id in range(LINK_CREDIT // 2):
        receive(connection, transfer(delivery_id, b"x"))
    (flow,) = sent(connection)
    assert isinstance(flow, Flow)
    assert (flow.delivery_count, flow.link_credit) == (LINK_CREDIT // 2, LINK_CREDIT)


def test_a_message_in_many_frames_is_one_event(connection: Connection) -> None:
    link = incoming(connection)
    frames = transfer(0, b"a", more=True) + transfer(None, b"b", more=True) + transfer(None, b"c")
    assert receive(connection, frames) == [MessageReceived(link, 0, 0, b"abc", False)]


def test_aborted_message_is_dropped(connection: Connection) -> None:
    link = incoming(connection)
    abort = encode_frame(Transfer(0, aborted=True), channel=1)
    assert receive(connection, transfer(0, b"a", more=True) + abort) == []
    assert receive(connection, transfer(1, b"b")) == [MessageReceived(link, 1, 0, b"b", False)]


def test_message_above_the_limit_is_rejected_and_the_link_stays_open(connection: Connection) -> None:
    link = incoming(connection)
    sent(connection)
    chunk = bytes(LIMITS.max_frame_size - 100)
    frames = transfer(0, chunk, more=True) + transfer(None, chunk, more=True) + transfer(None, chunk)
    assert receive(connection, frames) == []
    (disposition,) = sent(connection)
    assert isinstance(disposition, Disposition)
    assert isinstance(disposition.state, Rejected)
    assert disposition.state.error is not None
    assert disposition.state.error.condition == "amqp:link:message-size-exceeded"
    assert receive(connection, transfer(1, b"small")) == [MessageReceived(link, 1, 0, b"small", False)]


def test_credit_is_absolute(connection: Connection) -> None:
    link = outgoing(connection)
    assert not link.can_send
    assert receive(connection, credit(0, 3)) == [CreditChanged(link)]
    link.send(b"t1", b"one")
    assert link.credit == 2
    # This flow was sent before the first delivery was seen.
    receive(connection, credit(0, 3, seen=0))
    assert link.credit == 2
    receive(connection, credit(0, 3, seen=1))
    assert link.credit == 3


def test_a_large_message_goes_out_in_frames_that_fit(connection: Connection) -> None:
    link = outgoing(connection, granted=5)
    payload = bytes(range(256)) * 1000
    link.send(bytes(16), payload)
    data = connection.data_to_send()
    frames = read_frames(data)
    transfers = [each for each, _ in frames if isinstance(each, Transfer)]
    assert b"".join(part for _, part in frames) == payload
    assert [each.more for each in transfers] == [True] * (len(transfers) - 1) + [False]
    assert [each.delivery_id for each in transfers] == [0] + [None] * (len(transfers) - 1)
    assert max(len(part) for _, part in frames) <= LIMITS.max_frame_size
    # Delivery ids count deliveries although transfers count frames.
    assert link.send(bytes(16), b"next") == 1


def test_the_session_window_holds_deliveries_back(connection: Connection) -> None:
    link = outgoing(connection)
    receive(connection, credit(0, 10, window=1))
    link.send(b"t", b"one")
    assert not link.can_send
    window = encode_frame(Flow(1, 1000, 0, 1000), channel=1)
    assert receive(connection, window) == [CreditChanged(link)]
    assert link.can_send


def test_a_paused_connection_holds_deliveries_back(connection: Connection) -> None:
    link = outgoing(connection, granted=1)
    connection.paused = True
    assert not link.can_send


def test_settlement_of_a_delivery_is_an_event_and_is_confirmed(connection: Connection) -> None:
    link = outgoing(connection, granted=5)
    for tag in (b"t0", b"t1", b"t2"):
        link.send(tag, b"x")
    sent(connection)
    decision = encode_frame(Disposition(True, 0, 1, False, Modified(True)), channel=1)
    assert receive(connection, decision) == [
        DeliverySettled(link, 0, b"t0", Modified(True), False),
        DeliverySettled(link, 1, b"t1", Modified(True), False),
    ]
    link.confirm(0, Modified(True))
    assert sent(connection) == [Disposition(False, 0, None, True, Modified(True))]


def test_settlement_of_an_unknown_delivery_is_rejected(connection: Connection) -> None:
    outgoing(connection, granted=5)
    assert receive(connection, encode_frame(Disposition(True, 7, 2**32 - 1, False, Accepted()), channel=1)) == []
    (answer,) = sent(connection)
    assert isinstance(answer, Disposition)
    assert isinstance(answer.state, Rejected)


def test_drain_uses_up_the_credit(connection: Connection) -> None:
    link = outgoing(connection)
    assert receive(connection, credit(0, 4, drain=True)) == [CreditChanged(link, drain=True)]
    link.drain()
    (flow,) = sent(connection)
    assert isinstance(flow, Flow)
    assert (flow.delivery_count, flow.link_credit, flow.drain) == (4, 0, True)
    assert not link.can_send


def test_a_refused_link_is_attached_without_termini_then_detached(connection: Connection) -> None:
    (event,) = receive(connection, attach_receiver("nowhere"))
    assert isinstance(event, LinkRequested)
    event.link.refuse(Error("amqp:not-found", "no such queue"))
    attach, detach = sent(connection)
    assert isinstance(attach, Attach)
    assert (attach.source, attach.target) == (None, None)
    assert isinstance(detach, Detach)
    assert detach.closed
    assert detach.error is not None
    assert detach.error.condition == "amqp:not-found"
    # The peer's answer ends it, and the handle is free.
    assert receive(connection, encode_frame(Detach(0, True), channel=1)) == []
    outgoing(connection)


def test_detach_end_and_loss_close_links(connection: Connection) -> None:
    link: IncomingLink | OutgoingLink = incoming(connection)
    sent(connection)
    assert receive(connection, encode_frame(Detach(0, True), channel=1)) == [LinkClosed(link)]
    assert sent(connection) == [Detach(0, True)]
    link = outgoing(connection)
    # A detach after the end refers to a session that is gone.
    ending = encode_frame(End(), channel=1) + encode_frame(Detach(0, True), channel=1)
    assert receive(connection, ending) == [LinkClosed(link)]
    assert sent(connection) == [End()]
    receive(connection, encode_frame(Begin(None, 0, 1000, 1000), channel=1))
    link = incoming(connection)
    assert connection.connection_lost() == [LinkClosed(link)]
    assert connection.is_closed


def test_close_is_answered(connection: Connection) -> None:
    link = incoming(connection)
    sent(connection)
    assert receive(connection, encode_frame(Close())) == [LinkClosed(link)]
    assert sent(connection) == [Close()]
    assert connection.is_closed


def test_heartbeats_are_sent_where_the_peer_asks_for_them() -> None:
    connection = Connection("server", LIMITS)
    receive(connection, AMQP_HEADER + encode_frame(Open("client", idle_time_out=30_000)))
    assert connection.heartbeat_interval == 15
    connection.data_to_send()
    connection.heartbeat()
    assert connection.data_to_send() == HEARTBEAT
    assert receive(connection, HEARTBEAT) == []


@pytest.mark.parametrize(
    ("data", "condition"),
    [
        pytest.param(attach_sender("queue") * 2, "amqp:session:handle-in-use", id="handle in use"),
        pytest.param(transfer(0, b"x"), "amqp:session:unattached-handle", id="transfer without a link"),
        pytest.param(encode_frame(Begin(), channel=1), "amqp:not-allowed", id="channel in use"),
        pytest.param(encode_frame(Begin(), channel=999), "amqp:connection:framing-error", id="channel too high"),
        pytest.param(attach_sender("queue", handle=5000), "amqp:connection:framing-error", id="handle too high"),
        pytest.param(encode_frame(Open("again"), channel=1), "amqp:not-allowed", id="second open"),
        pytest.param(b"\xff" * 16, "amqp:connection:framing-error", id="frame too large"),
        pytest.param(b"\x00\x00\x00\x0c\x02\x00\x00\x01abcd", "amqp:decode-error", id="frame body of garbage"),
    ],
)
def test_a_protocol_error_closes_the_connection_and_says_why(
    connection: Connection, data: bytes, condition: str
) -> None:
    receive(connection, data)
    close = sent(connection)[-1]
    assert isinstance(close, Close)
    assert close.error is not None
    assert close.error.condition == condition
    assert connection.is_closed
    assert receive(connection, HANDSHAKE) == []


@given(st.lists(st.binary(max_size=60), max_size=6))
def test_any_bytes_end_in_events_or_a_close(chunks: list[bytes]) -> None:
    connection = Connection("server", LIMITS)
    receive(connection, HANDSHAKE)
    for chunk in chunks:
        framed = (8 + len(chunk)).to_bytes(4, "big") + b"\x02\x00\x00\x01" + chunk
        events: list[Event] = receive(connection, framed)
        assert all(isinstance(event, LinkRequested | CreditChanged | LinkClosed) for event in events)
