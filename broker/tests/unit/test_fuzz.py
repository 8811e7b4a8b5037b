"""Any bytes from a peer, at any layer, lead to an answer or an error, in bounded time and memory."""

import tracemalloc
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from servicebus_broker.amqp.connection import Connection
from servicebus_broker.amqp.decode import compound, decode, skip
from servicebus_broker.amqp.encode import encode
from servicebus_broker.amqp.errors import AmqpError
from servicebus_broker.amqp.events import LinkRequested
from servicebus_broker.amqp.frames import AMQP_HEADER, SASL_HEADER, encode_frame
from servicebus_broker.amqp.performatives import (
    Attach,
    Begin,
    Close,
    Source,
    Transfer,
    read_composite,
)
from servicebus_broker.amqp.sections import (
    Sections,
    read_application_properties,
    read_sections,
    read_value_body,
    set_message_id,
    split_batch,
    write_message,
)
from servicebus_broker.amqp.values import Array, Described, Symbol, UInt, ULong
from servicebus_broker.limits import Limits
from servicebus_broker.queues.settings import QueueSettings
from servicebus_broker.service.broker import Broker
from servicebus_broker.service.shared_key import SharedKey
from tests.unit.client import ANONYMOUS, HANDSHAKE, OPENING, attach_receiver, attach_sender, credit, read_frames
from tests.unit.hostile_bytes import FRAMES, MESSAGES, REQUESTS, VALUES, mutations
from tests.unit.queues.conftest import FakeClock

unhurried = settings(suppress_health_check=[HealthCheck.too_slow])
LIMITS = Limits(max_message_size=10_000, max_output=100_000)
QUEUES = [QueueSettings("queue"), QueueSettings("sessions", requires_session=True)]


def drive(stream: bytes) -> Connection:
    """Give the bytes to a broker as a client would, with time passing, and its answers read."""
    clock = FakeClock()
    return drive_broker(Broker(QUEUES, clock, LIMITS), clock, stream)


def drive_broker(broker: Broker, clock: FakeClock, stream: bytes) -> Connection:
    peer = broker.connect()
    for at in range(0, len(stream), 700):
        peer.receive_data(stream[at : at + 700])
        for _ in range(100):
            broker.dispatch()
            peer.connection.data_to_send()
            if not peer.connection.has_more:
                break
            peer.resume()
            peer.handle_input()
        clock.advance(30)
        broker.advance()
        broker.dispatch()
    answer = peer.connection.data_to_send()
    assert len(answer) <= LIMITS.max_output + LIMITS.max_message_size + 5_000
    peer.connection_lost()
    totals = broker.totals
    assert not totals.incomplete_by_connection
    assert [each.used for each in (totals.sessions, totals.links, totals.unsettled, totals.incomplete)] == [0] * 4
    return peer.connection


READERS: list[Callable[[bytes], object]] = [
    lambda data: decode(data),
    lambda data: skip(data, 0),
    lambda data: compound(data, 0),
    lambda data: read_composite(data),
    lambda data: read_sections(data),
    lambda data: split_batch(data),
    lambda data: read_value_body(Sections(body=data)),
    lambda data: read_application_properties(Sections(application_properties=data)),
]


@unhurried
@given(
    st.one_of(
        st.binary(max_size=100),
        mutations(VALUES.map(encode)),
        mutations(MESSAGES),
        mutations(REQUESTS),
        mutations(FRAMES.map(lambda frame: frame[8:])),
    )
)
def test_every_reader_reads_or_refuses(data: bytes) -> None:
    for reader in READERS:
        try:
            reader(data)
        except AmqpError:
            continue


@unhurried
@given(MESSAGES)
def test_messages_that_are_read_can_be_written_and_read_again(data: bytes) -> None:
    try:
        sections = read_sections(data)
    except AmqpError:
        return
    again = read_sections(write_message(sections, 3, sections.annotations))
    assert again == sections


@unhurried
@given(st.binary(max_size=80))
def test_a_handshake_of_random_bytes(data: bytes) -> None:
    for start in (b"", SASL_HEADER, AMQP_HEADER, HANDSHAKE):
        drive(start + data)


@unhurried
@given(mutations(st.just(HANDSHAKE)))
def test_a_broken_handshake(data: bytes) -> None:
    drive(data)


@unhurried
@given(MESSAGES)
def test_an_id_can_be_given_to_every_message(data: bytes) -> None:
    try:
        sections = read_sections(data)
        set_message_id(sections, "new")
    except AmqpError:
        return
    again = read_sections(write_message(sections, 0, sections.annotations))
    assert (again.message_id, again.correlation_id) == ("new", sections.correlation_id)
    assert (again.session_id, again.body) == (sections.session_id, sections.body)


@unhurried
@given(
    st.sampled_from([ANONYMOUS, OPENING, HANDSHAKE]),
    st.lists(FRAMES | mutations(FRAMES), max_size=12),
)
def test_a_stranger_reaches_no_queue(start: bytes, frames: list[bytes]) -> None:
    clock = FakeClock()
    broker = Broker(QUEUES, clock, LIMITS, SharedKey("another key", clock))
    begin = encode_frame(Begin(None, 0, 1000, 1000), channel=1)
    links = attach_sender("queue") + attach_receiver("queue", 1) + credit(1, 10)
    drive_broker(broker, clock, start + begin + links + b"".join(frames))
    assert all(queue.size == 0 for queue in broker.queues())


@unhurried
@given(st.lists(FRAMES, max_size=12))
def test_valid_frames_in_any_order(frames: list[bytes]) -> None:
    drive(HANDSHAKE + b"".join(frames))


@unhurried
@given(mutations(st.lists(FRAMES, min_size=1, max_size=8).map(b"".join)))
def test_broken_frames(data: bytes) -> None:
    drive(HANDSHAKE + attach_sender("queue") + attach_receiver("queue", 1) + credit(1, 10) + data)


@unhurried
@given(st.lists(REQUESTS | MESSAGES | mutations(REQUESTS), max_size=5), st.sampled_from(["queue", "sessions"]))
def test_management_requests_of_any_content_are_answered(requests: list[bytes], queue: str) -> None:
    links = attach_sender(f"{queue}/$management") + attach_receiver(f"{queue}/$management", 1) + credit(1, 100)
    frames = [
        encode_frame(Transfer(0, number, b"tag", 0, False), request, channel=1)
        for number, request in enumerate(requests)
    ]
    connection = drive(HANDSHAKE + links + b"".join(frames))
    assert connection.fault is None


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"\xb0\xff\xff\xff\xff", id="binary of 4 GB"),
        pytest.param(b"\xb1\x7f\xff\xff\xff" + b"x" * 100, id="string of 2 GB"),
        pytest.param(b"\xd0\xff\xff\xff\xff\xff\xff\xff\xff", id="list of 4 billion items"),
        pytest.param(b"\xd1\x00\x00\x00\x08\x7f\xff\xff\xfe\x40\x40\x40\x40", id="map of a billion keys"),
        pytest.param(b"\xf0\x00\x00\x00\x05\xff\xff\xff\xff\x45", id="array of 4 billion empty lists"),
        pytest.param(b"\xf0\x00\x00\x00\x05\x00\x00\xff\xff\x43" * 10, id="arrays of nothing"),
        pytest.param(b"\xc0\xff\xff" * 5_000, id="lists in lists"),
        pytest.param(b"\x00" * 60_000, id="descriptors of descriptors"),
        pytest.param(encode([[]] * 10_000), id="ten thousand empty lists"),
        pytest.param(encode(Array(str, [""] * 10_000)), id="ten thousand empty strings"),
    ],
)
def test_little_input_takes_little_memory(data: bytes) -> None:
    tracemalloc.start()
    try:
        for reader in READERS:
            try:
                reader(data)
            except AmqpError:
                continue
        connection = Connection("server", Limits())
        connection.receive_data(HANDSHAKE + (len(data) + 8).to_bytes(4, "big") + b"\x02\x00\x00\x01" + data)
        list(connection.events())
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 1_000_000 + 100 * len(data)


def test_a_message_of_many_tiny_frames_takes_no_more_than_its_size() -> None:
    connection = Connection("server", Limits(frames_per_turn=10**6))
    connection.receive_data(HANDSHAKE + attach_sender("queue"))
    for event in connection.events():
        assert isinstance(event, LinkRequested)
        event.link.accept()
    first = encode_frame(Transfer(0, 0, b"tag", 0, False, more=True), b"x", channel=1)
    tracemalloc.start()
    try:
        for _ in range(200):
            connection.receive_data(first * 100)
            assert list(connection.events()) == []
            connection.data_to_send()
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert connection.incomplete.used == 20_000
    assert peak < 300_000


@unhurried
@given(st.integers(0, 2**64 - 1), VALUES)
def test_names_from_a_client_are_echoed_to_it(number: int, value: object) -> None:
    # The answer to a link whose messages are not filtered repeats all that the client wrote.
    peer = Broker(QUEUES, FakeClock(), LIMITS).connect()
    source = Source("queue/$management", filter={Symbol("f"): Described(ULong(number), value), Symbol("n"): UInt(7)})
    peer.receive_data(HANDSHAKE)
    peer.connection.data_to_send()
    peer.receive_data(encode_frame(Attach("l", 0, True, 0, 1, source), channel=1))
    (answer, _), *rest = read_frames(peer.connection.data_to_send())
    assert rest == []
    assert isinstance(answer, Attach)
    assert answer.source is not None
    assert answer.source.filter == source.filter


def test_close_frame_in_the_middle_ends_the_connection() -> None:
    connection = drive(HANDSHAKE + encode_frame(Close()) + b"\xff" * 100)
    assert connection.is_closed
    assert connection.fault is None
