"""Python values to AMQP 1.0 bytes."""

import struct
from collections.abc import Callable
from typing import Any
from uuid import UUID

from servicebus_broker.amqp.values import Array, Described, Int, Symbol, Timestamp, UByte, UInt, ULong, UShort

_U32 = struct.Struct(">I").pack
_U64 = struct.Struct(">Q").pack
_I32 = struct.Struct(">i").pack
_I64 = struct.Struct(">q").pack
_F64 = struct.Struct(">d").pack

_MAX_LONG = 2**63 - 1

# The registry below maps each type to the encoder for that type, which typing cannot express.
Encoder = Callable[[bytearray, Any], None]


def encode(value: object) -> bytes:
    """The AMQP encoding of a value, in its shortest form."""
    out = bytearray()
    encode_into(out, value)
    return bytes(out)


def encode_into(out: bytearray, value: object) -> None:
    """Append the AMQP encoding of a value. Raises ``TypeError`` for a type that AMQP does not have."""
    encoder = _ENCODERS.get(type(value))
    if encoder is None:
        raise TypeError(f"no AMQP encoding for {type(value).__name__}")
    encoder(out, value)


def write_list(out: bytearray, count: int, body: bytes | bytearray) -> None:
    """Append a list whose items are already encoded."""
    _compound(out, 0xC0, 0xD0, count, body)


def write_map(out: bytearray, count: int, body: bytes | bytearray) -> None:
    """Append a map whose ``count`` keys and values (each counted) are already encoded."""
    _compound(out, 0xC1, 0xD1, count, body)


def _compound(out: bytearray, short: int, long: int, count: int, body: bytes | bytearray) -> None:
    size = len(body)
    if size < 255 and count < 256:
        out += bytes((short, size + 1, count))
    else:
        out.append(long)
        out += _U32(size + 4)
        out += _U32(count)
    out += body


def _variable(out: bytearray, short: int, data: bytes | bytearray) -> None:
    if len(data) < 256:
        out.append(short)
        out.append(len(data))
    else:
        out.append(short + 0x10)
        out += _U32(len(data))
    out += data


def _null(out: bytearray, value: object) -> None:
    out.append(0x40)


def _bool(out: bytearray, value: bool) -> None:
    out.append(0x41 if value else 0x42)


def _ubyte(out: bytearray, value: int) -> None:
    out += bytes((0x50, value))


def _ushort(out: bytearray, value: int) -> None:
    out.append(0x60)
    out += value.to_bytes(2, "big")


def _uint(out: bytearray, value: int) -> None:
    if value == 0:
        out.append(0x43)
    elif value < 256:
        out += bytes((0x52, value))
    else:
        out.append(0x70)
        out += _U32(value)


def _ulong(out: bytearray, value: int) -> None:
    if value == 0:
        out.append(0x44)
    elif value < 256:
        out += bytes((0x53, value))
    else:
        out.append(0x80)
        out += _U64(value)


def _int(out: bytearray, value: int) -> None:
    out.append(0x71)
    out += _I32(value)


def _long(out: bytearray, value: int) -> None:
    if value > _MAX_LONG:
        # An integer decoded from an unsigned long may be echoed.
        _ulong(out, value)
    else:
        out.append(0x81)
        out += _I64(value)


def _timestamp(out: bytearray, value: int) -> None:
    out.append(0x83)
    out += _I64(value)


def _double(out: bytearray, value: float) -> None:
    out.append(0x82)
    out += _F64(value)


def _uuid(out: bytearray, value: UUID) -> None:
    out.append(0x98)
    out += value.bytes


def _binary(out: bytearray, value: bytes | bytearray) -> None:
    _variable(out, 0xA0, value)


def _string(out: bytearray, value: str) -> None:
    _variable(out, 0xA1, value.encode())


def _symbol(out: bytearray, value: str) -> None:
    _variable(out, 0xA3, value.encode("ascii"))


def _list(out: bytearray, value: list[object]) -> None:
    if not value:
        out.append(0x45)
        return
    body = bytearray()
    for item in value:
        encode_into(body, item)
    write_list(out, len(value), body)


def _map(out: bytearray, value: dict[object, object]) -> None:
    body = bytearray()
    for key, item in value.items():
        encode_into(body, key)
        encode_into(body, item)
    write_map(out, 2 * len(value), body)


def _described(out: bytearray, value: Described) -> None:
    out.append(0x00)
    encode_into(out, value.descriptor)
    encode_into(out, value.value)


def _array(out: bytearray, value: Array) -> None:
    constructor, item_encoder = _ARRAY_ITEMS[value.of]
    body = bytearray((constructor,))
    for item in value.items:
        body += item_encoder(item)
    out.append(0xF0)
    out += _U32(len(body) + 4)
    out += _U32(len(value.items))
    out += body


def _array_text(item: object) -> bytes:
    data = str(item).encode()
    return _U32(len(data)) + data


def _array_uuid(item: UUID) -> bytes:
    return item.bytes


_ARRAY_ITEMS: dict[type, tuple[int, Callable[[Any], bytes]]] = {
    UUID: (0x98, _array_uuid),
    int: (0x81, _I64),
    Timestamp: (0x83, _I64),
    Symbol: (0xB3, _array_text),
    str: (0xB1, _array_text),
}

_ENCODERS: dict[type, Encoder] = {
    type(None): _null,
    bool: _bool,
    UByte: _ubyte,
    UShort: _ushort,
    UInt: _uint,
    ULong: _ulong,
    Int: _int,
    int: _long,
    Timestamp: _timestamp,
    float: _double,
    UUID: _uuid,
    bytes: _binary,
    bytearray: _binary,
    str: _string,
    Symbol: _symbol,
    list: _list,
    dict: _map,
    Described: _described,
    Array: _array,
}
