"""The sections of an AMQP message, decoded only as far as a broker needs and written back unchanged."""

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from servicebus_broker.amqp.decode import compound, decode, skip
from servicebus_broker.amqp.encode import encode, encode_into, write_list, write_map
from servicebus_broker.amqp.errors import DecodeError
from servicebus_broker.amqp.values import Symbol, UByte, UInt, ULong

BATCH_FORMAT = 0x80013700

_HEADER, _DELIVERY_ANNOTATIONS, _ANNOTATIONS, _PROPERTIES, _APPLICATION, _DATA, _SEQUENCE, _VALUE, _FOOTER = range(
    0x70, 0x79
)
_MESSAGE_ID, _CORRELATION_ID, _GROUP_ID = 0, 5, 10


@dataclass(slots=True)
class Sections:
    """A message. The parts that the broker does not read stay as the client encoded them.

    ``annotations`` maps each key to the encoded key and value; ``properties``, ``application_properties`` and ``body``
    (body and footer) are whole encoded sections. ``ttl`` is in milliseconds.
    """

    durable: bool = False
    priority: int | None = None
    ttl: int | None = None
    annotations: dict[str, bytes] = field(default_factory=dict)
    properties: bytes = b""
    message_id: object = None
    correlation_id: object = None
    session_id: str | None = None
    application_properties: bytes = b""
    body: bytes = b""


def read_sections(data: bytes) -> Sections:
    """The sections of an encoded message. Raises DecodeError."""
    sections = Sections()
    for code, at, value_at, end in _walk(data):
        if code == _HEADER:
            _read_header(sections, data, value_at)
        elif code == _ANNOTATIONS:
            sections.annotations = read_entries(data, value_at)
        elif code == _PROPERTIES:
            sections.properties = data[at:end]
            _read_properties(sections, data, value_at)
        elif code == _APPLICATION:
            sections.application_properties = data[at:end]
        elif code >= _DATA:
            sections.body = data[at:]
            break
    return sections


def split_batch(data: bytes) -> list[bytes]:
    """The encoded messages of a batch (message format 0x80013700): one in each Data section. Raises DecodeError."""
    messages = []
    for code, _, value_at, _ in _walk(data):
        if code == _DATA:
            message, _ = decode(data, value_at)
            if not isinstance(message, bytes):
                raise DecodeError("a Data section that is not binary")
            messages.append(message)
    if not messages:
        raise DecodeError("a batch without messages")
    return messages


def read_value_body(sections: Sections) -> object:
    """The value of a message whose body is one AmqpValue section. Raises DecodeError."""
    for code, _, value_at, _ in _walk(sections.body):
        if code == _VALUE:
            return decode(sections.body, value_at)[0]
    raise DecodeError("a request without an AmqpValue body")


def read_application_properties(sections: Sections) -> dict[object, object]:
    """The application properties, decoded. Raises DecodeError."""
    if not sections.application_properties:
        return {}
    value, _ = decode(sections.application_properties, _section_code(sections.application_properties, 0)[1])
    if not isinstance(value, dict):
        raise DecodeError("application properties that are not a map")
    return value


def read_entries(data: bytes, at: int) -> dict[str, bytes]:
    """The entries of the map at ``at``: each key with the bytes of key and value. Raises DecodeError."""
    count, at, end = compound(data, at)
    entries: dict[str, bytes] = {}
    for _ in range(count // 2):
        key, value_at = decode(data, at)
        if not isinstance(key, str):
            raise DecodeError("an annotation whose key is not a symbol")
        after = skip(data, value_at)
        if after > end:
            raise DecodeError("a map entry that runs past its map")
        entries[key] = data[at:after]
        at = after
    return entries


def entry_value(entry: bytes) -> object:
    """The value of an entry of `read_entries`. Raises DecodeError."""
    return decode(entry, skip(entry, 0))[0]


def symbol_entry(key: str, value: object) -> bytes:
    """An encoded annotation."""
    return encode(Symbol(key)) + encode(value)


def application_entries(section: bytes) -> dict[str, bytes]:
    """The entries of an application-properties section, as of `read_entries`. Raises DecodeError."""
    return read_entries(section, _section_code(section, 0)[1]) if section else {}


def with_application_properties(section: bytes, extra: Mapping[str, object]) -> bytes:
    """An application-properties section with properties added or replaced. Raises DecodeError."""
    entries = application_entries(section)
    for key, value in extra.items():
        entries[key] = encode(key) + encode(value)
    return _map_section(_APPLICATION, entries)


def set_message_id(sections: Sections, message_id: str) -> None:
    """Give a message without an id one; its other properties stay as they are encoded. Raises DecodeError."""
    sections.message_id = message_id
    count, items = 1, encode(message_id)
    if sections.properties:
        count, at, end = compound(sections.properties, _section_code(sections.properties, 0)[1])
        items += sections.properties[skip(sections.properties, at) : end] if count else b""
    out = bytearray((0x00, 0x53, _PROPERTIES))
    write_list(out, max(count, 1), items)
    sections.properties = bytes(out)


def write_message(sections: Sections, delivery_count: int, annotations: dict[str, bytes]) -> bytes:
    """The encoded message for a receiver, with its delivery count and these annotations."""
    out = bytearray()
    _write_header(out, sections, delivery_count)
    if annotations:
        out += _map_section(_ANNOTATIONS, annotations)
    out += sections.properties
    out += sections.application_properties
    out += sections.body
    return bytes(out)


def write_response(correlation_id: object, application_properties: dict[object, object], value: object) -> bytes:
    """An encoded request-response answer: a correlation id, application properties and an AmqpValue body."""
    if type(correlation_id) is int and correlation_id >= 0:
        # An integer message id is always an unsigned long.
        correlation_id = ULong(correlation_id)
    out = bytearray((0x00, 0x53, _PROPERTIES))
    encode_into(out, [None, None, None, None, None, correlation_id])
    out += bytes((0x00, 0x53, _APPLICATION))
    encode_into(out, application_properties)
    out += bytes((0x00, 0x53, _VALUE))
    encode_into(out, value)
    return bytes(out)


def _walk(data: bytes) -> Iterator[tuple[int, int, int, int]]:
    """Each section: its code, where it starts, where its value starts, where it ends."""
    at = 0
    while at < len(data):
        code, value_at = _section_code(data, at)
        end = skip(data, value_at)
        yield code, at, value_at, end
        at = end


def _section_code(data: bytes, at: int) -> tuple[int, int]:
    if data[at : at + 2] == b"\x00\x53" and at + 2 < len(data):
        code, value_at = data[at + 2], at + 3
    elif data[at : at + 2] == b"\x00\x80" and at + 10 <= len(data):
        code, value_at = struct.unpack_from(">Q", data, at + 2)[0], at + 10
    else:
        raise DecodeError("a message section without a numeric descriptor")
    if not _HEADER <= code <= _FOOTER:
        raise DecodeError(f"unknown message section {code:#x}")
    return code, value_at


def _list(data: bytes, at: int) -> list[object]:
    value, _ = decode(data, at)
    if not isinstance(value, list):
        raise DecodeError("a message section that is not a list")
    return value


def _item(items: list[object], index: int) -> object:
    return items[index] if index < len(items) else None


def _read_header(sections: Sections, data: bytes, at: int) -> None:
    items = _list(data, at)
    priority, ttl = _item(items, 1), _item(items, 2)
    sections.durable = _item(items, 0) is True
    sections.priority = priority if isinstance(priority, int) and 0 <= priority <= 255 else None
    sections.ttl = ttl if isinstance(ttl, int) and 0 <= ttl < 2**32 else None


def _read_properties(sections: Sections, data: bytes, at: int) -> None:
    items = _list(data, at)
    sections.message_id = _item(items, _MESSAGE_ID)
    sections.correlation_id = _item(items, _CORRELATION_ID)
    session_id = _item(items, _GROUP_ID)
    sections.session_id = session_id if isinstance(session_id, str) else None


def _write_header(out: bytearray, sections: Sections, delivery_count: int) -> None:
    body = bytearray()
    encode_into(body, sections.durable)
    encode_into(body, None if sections.priority is None else UByte(sections.priority))
    encode_into(body, None if sections.ttl is None else UInt(sections.ttl))
    body.append(0x40)
    encode_into(body, UInt(delivery_count))
    out += bytes((0x00, 0x53, _HEADER))
    write_list(out, 5, body)


def _map_section(code: int, entries: dict[str, bytes]) -> bytes:
    out = bytearray((0x00, 0x53, code))
    write_map(out, 2 * len(entries), b"".join(entries.values()))
    return bytes(out)
