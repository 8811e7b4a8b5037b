"""AMQP 1.0 framing: an 8-byte header (size, data offset, type, channel), a performative, a payload."""

import struct
from dataclasses import dataclass

from servicebus_broker.amqp.errors import FramingError
from servicebus_broker.amqp.performatives import write_composite

AMQP_HEADER = b"AMQP\x00\x01\x00\x00"
SASL_HEADER = b"AMQP\x03\x01\x00\x00"
AMQP_TYPE = 0
SASL_TYPE = 1
HEARTBEAT = b"\x00\x00\x00\x08\x02\x00\x00\x00"
HEADER_SIZE = 8

_HEADER = struct.Struct(">IBBH")


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame; ``body`` starts with the performative and is empty for a heartbeat."""

    type: int
    channel: int
    body: bytes


def encode_frame(performative: object, payload: bytes = b"", *, channel: int = 0, type_: int = AMQP_TYPE) -> bytes:
    """The bytes of one frame."""
    out = bytearray(HEADER_SIZE)
    write_composite(out, performative)
    _HEADER.pack_into(out, 0, len(out) + len(payload), 2, type_, channel)
    return bytes(out) + payload if payload else bytes(out)


class FrameBuffer:
    """Cuts a byte stream into protocol headers and frames; holds at most one incomplete frame."""

    def __init__(self, max_frame_size: int) -> None:
        self._data = bytearray()
        self.max_frame_size = max_frame_size

    def feed(self, data: bytes) -> None:
        """Add received bytes."""
        self._data += data

    def take_protocol_header(self) -> bytes | None:
        """The next 8 bytes; None if they have not all arrived."""
        if len(self._data) < HEADER_SIZE:
            return None
        header = bytes(self._data[:HEADER_SIZE])
        del self._data[:HEADER_SIZE]
        return header

    def take_frame(self) -> Frame | None:
        """The next complete frame. Raises FramingError for an invalid header."""
        if len(self._data) < HEADER_SIZE:
            return None
        size, offset, type_, channel = _HEADER.unpack_from(self._data)
        if not HEADER_SIZE <= size <= self.max_frame_size or not 2 <= offset <= size // 4:
            raise FramingError(f"a frame of {size} bytes with data offset {offset}")
        if len(self._data) < size:
            return None
        body = bytes(self._data[4 * offset : size])
        del self._data[:size]
        return Frame(type_, channel, body)
