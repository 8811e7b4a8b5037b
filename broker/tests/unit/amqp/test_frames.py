"""Frames and composite types."""

from dataclasses import asdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from servicebus_broker.amqp.encode import encode
from servicebus_broker.amqp.errors import DecodeError, FramingError
from servicebus_broker.amqp.frames import Frame, FrameBuffer, encode_frame
from servicebus_broker.amqp.performatives import (
    Attach,
    Begin,
    Disposition,
    Error,
    Flow,
    Modified,
    Open,
    Rejected,
    Source,
    Target,
    Transfer,
    read_as,
    read_composite,
)
from servicebus_broker.amqp.values import Described, Symbol, ULong

PERFORMATIVES = [
    Open("container", "host", 65536, 255, 1000),
    Begin(3, 1, 2, 3, 4),
    Attach("link", 1, True, 0, 1, Source("queue", filter={Symbol("f"): "s"}), Target("t"), initial_delivery_count=0),
    Flow(1, 2, 3, 4, 5, 6, 7, 8, True, True),
    Transfer(1, 2, b"tag", 0x80013700, False, True),
    Disposition(True, 1, 2, True, Rejected(Error(Symbol("amqp:error"), "why", {"k": "v"}))),
    Disposition(False, 1, state=Modified(True, False)),
]


@pytest.mark.parametrize("performative", PERFORMATIVES, ids=lambda each: type(each).__name__)
def test_performatives_are_decoded_as_they_were_encoded(performative: object) -> None:
    frame = encode_frame(performative, b"payload", channel=7)
    buffer = FrameBuffer(max_frame_size=1000)
    buffer.feed(frame)
    taken = buffer.take_frame()
    assert taken is not None
    assert (taken.type, taken.channel) == (0, 7)
    value, end = read_composite(taken.body)
    assert value == performative
    assert taken.body[end:] == b"payload"


def test_every_field_is_written() -> None:
    # azure-servicebus indexes fields by position and would fail on a shortened list.
    value, _ = read_as(Transfer, encode_frame(Transfer(1))[8:])
    assert len(asdict(value)) == 11
    assert encode_frame(Transfer(1))[8:].count(b"\x40") > 0


@given(st.lists(st.binary(max_size=50), max_size=5), st.integers(1, 40))
def test_frames_arrive_in_pieces_of_any_size(payloads: list[bytes], piece: int) -> None:
    stream = b"".join(encode_frame(Transfer(1), payload) for payload in payloads)
    buffer = FrameBuffer(max_frame_size=1000)
    frames: list[Frame] = []
    for at in range(0, len(stream), piece):
        buffer.feed(stream[at : at + piece])
        while (frame := buffer.take_frame()) is not None:
            frames.append(frame)
    assert [frame.body[read_composite(frame.body)[1] :] for frame in frames] == payloads


@pytest.mark.parametrize(
    "header",
    [b"\x00\x01\x00\x00\x02\x00\x00\x00", b"\x00\x00\x00\x07\x02\x00\x00\x00", b"\x00\x00\x00\x10\x01\x00\x00\x00"],
    ids=["too large", "too small", "offset into the header"],
)
def test_invalid_frame_header_is_refused(header: bytes) -> None:
    buffer = FrameBuffer(max_frame_size=65535)
    buffer.feed(header)
    with pytest.raises(FramingError):
        buffer.take_frame()


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(Described(ULong(0x14), ["handle"]), id="text where a number belongs"),
        pytest.param(Described(ULong(0x14), [2**40]), id="number out of range"),
        pytest.param(Described(ULong(0x14), [None] * 12), id="too many fields"),
        pytest.param(Described(ULong(0x14), "no list"), id="not a list"),
        pytest.param(Described(ULong(0x99), []), id="unknown performative"),
        pytest.param("nothing described", id="not described"),
    ],
)
def test_malformed_performatives_are_refused(body: object) -> None:
    with pytest.raises(DecodeError):
        read_composite(encode(body))
