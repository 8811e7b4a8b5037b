"""AMQP 1.0 bytes to Python values. Every length and count is checked before memory is allocated for it."""

import struct
from collections.abc import Callable
from uuid import UUID

from servicebus_broker.amqp.errors import DecodeError
from servicebus_broker.amqp.values import Described, Symbol, Timestamp

MAX_DEPTH = 32
MAX_ARRAY_ITEMS = 65_536

_U16 = struct.Struct(">H").unpack_from
_I16 = struct.Struct(">h").unpack_from
_U32 = struct.Struct(">I").unpack_from
_I32 = struct.Struct(">i").unpack_from
_U64 = struct.Struct(">Q").unpack_from
_I64 = struct.Struct(">q").unpack_from
_F32 = struct.Struct(">f").unpack_from
_F64 = struct.Struct(">d").unpack_from
_I8 = struct.Struct(">b").unpack_from

Decoder = Callable[[bytes, int, int], tuple[object, int]]


def decode(data: bytes, at: int = 0) -> tuple[object, int]:
    """The value at position ``at``, and the position of the next one. Raises DecodeError."""
    try:
        return _value(data, at, 0)
    except (IndexError, struct.error, UnicodeDecodeError) as error:
        raise DecodeError(f"truncated or malformed value: {error}") from error


def skip(data: bytes, at: int) -> int:
    """The position after the value at ``at``, without decoding it. Raises DecodeError."""
    try:
        end = _skip(data, at, 0)
    except (IndexError, struct.error) as error:
        raise DecodeError(f"truncated value: {error}") from error
    if end > len(data):
        raise DecodeError("a value is longer than its data")
    return end


def compound(data: bytes, at: int) -> tuple[int, int, int]:
    """The number of items, the first item's position and the end of the list or map whose constructor is at ``at``."""
    try:
        constructor = data[at]
        if constructor == 0x45:
            return 0, at + 1, at + 1
        if constructor in (0xC0, 0xC1):
            return _bounded(data, at + 1, 1, data[at + 1], data[at + 2])
        if constructor in (0xD0, 0xD1):
            return _bounded(data, at + 1, 4, _U32(data, at + 1)[0], _U32(data, at + 5)[0])
    except (IndexError, struct.error) as error:
        raise DecodeError(f"truncated list or map: {error}") from error
    raise DecodeError(f"constructor {constructor:#04x} where a list or map was expected")


def _bounded(data: bytes, at: int, width: int, size: int, count: int) -> tuple[int, int, int]:
    end = at + width + size
    if end > len(data) or size < width:
        raise DecodeError("a list, map or array is longer than its data")
    if count > size - width:
        raise DecodeError("a list or map claims more items than it has bytes")
    return count, at + 2 * width, end


def _value(data: bytes, at: int, depth: int) -> tuple[object, int]:
    decoder = _DECODERS.get(data[at])
    if decoder is None:
        raise DecodeError(f"unknown constructor {data[at]:#04x}")
    return decoder(data, at + 1, depth)


def _deeper(depth: int) -> int:
    if depth >= MAX_DEPTH:
        raise DecodeError(f"values nested deeper than {MAX_DEPTH}")
    return depth + 1


def _skip(data: bytes, at: int, depth: int) -> int:
    constructor = data[at]
    if constructor == 0x00:
        return _skip(data, _skip(data, at + 1, _deeper(depth)), _deeper(depth))
    category = constructor >> 4
    if category in _FIXED_WIDTHS:
        return at + 1 + _FIXED_WIDTHS[category]
    if category in (0xA, 0xC, 0xE):
        return at + 2 + data[at + 1]
    if category in (0xB, 0xD, 0xF):
        return at + 5 + int(_U32(data, at + 1)[0])
    raise DecodeError(f"unknown constructor {constructor:#04x}")


_FIXED_WIDTHS = {0x4: 0, 0x5: 1, 0x6: 2, 0x7: 4, 0x8: 8, 0x9: 16}


def _constant(value: object) -> Decoder:
    return lambda data, at, depth: (value, at)


def _number(unpack: Callable[[bytes, int], tuple[object, ...]], width: int) -> Decoder:
    return lambda data, at, depth: (unpack(data, at)[0], at + width)


def _byte(data: bytes, at: int, depth: int) -> tuple[object, int]:
    return data[at], at + 1


def _bool(data: bytes, at: int, depth: int) -> tuple[object, int]:
    return data[at] == 1, at + 1


def _timestamp(data: bytes, at: int, depth: int) -> tuple[object, int]:
    return Timestamp(_I64(data, at)[0]), at + 8


def _char(data: bytes, at: int, depth: int) -> tuple[object, int]:
    return _exactly(data, at, 4).decode("utf-32-be"), at + 4


def _uuid(data: bytes, at: int, depth: int) -> tuple[object, int]:
    return UUID(bytes=_exactly(data, at, 16)), at + 16


def _exactly(data: bytes, at: int, size: int) -> bytes:
    if at + size > len(data):
        raise DecodeError("a value is longer than its data")
    return data[at : at + size]


def _as_bytes(data: bytes) -> object:
    return data


def _as_symbol(data: bytes) -> object:
    return Symbol(data.decode("ascii"))


def _variable(width: int, convert: Callable[[bytes], object]) -> Decoder:
    def decoder(data: bytes, at: int, depth: int) -> tuple[object, int]:
        size = data[at] if width == 1 else _U32(data, at)[0]
        start = at + width
        return convert(_exactly(data, start, size)), start + size

    return decoder


def _list(data: bytes, at: int, depth: int) -> tuple[object, int]:
    depth = _deeper(depth)
    count, at, end = compound(data, at - 1)
    items = []
    for _ in range(count):
        item, at = _value(data, at, depth)
        items.append(item)
    return items, _at_end(at, end)


def _map(data: bytes, at: int, depth: int) -> tuple[object, int]:
    depth = _deeper(depth)
    count, at, end = compound(data, at - 1)
    if count % 2:
        raise DecodeError("a map with a key that has no value")
    items: dict[object, object] = {}
    for _ in range(count // 2):
        key, at = _value(data, at, depth)
        item, at = _value(data, at, depth)
        try:
            items[key] = item
        except TypeError as error:
            raise DecodeError("a map key that is a list or map") from error
    return items, _at_end(at, end)


def _array(width: int) -> Decoder:
    def decoder(data: bytes, at: int, depth: int) -> tuple[object, int]:
        depth = _deeper(depth)
        size = data[at] if width == 1 else _U32(data, at)[0]
        count = data[at + width] if width == 1 else _U32(data, at + width)[0]
        end = at + width + size
        if end > len(data) or count > MAX_ARRAY_ITEMS:
            raise DecodeError("an array is longer than its data or than allowed")
        if count == 0:
            return [], end
        at += 2 * width
        item_decoder = _DECODERS.get(data[at])
        if item_decoder is None or data[at] == 0x00 or data[at] >= 0xC0:
            raise DecodeError(f"arrays of constructor {data[at]:#04x} are not supported")
        at += 1
        items = []
        for _ in range(count):
            item, at = item_decoder(data, at, depth)
            items.append(item)
        return items, _at_end(at, end)

    return decoder


def _at_end(at: int, end: int) -> int:
    if at != end:
        raise DecodeError("a list, map or array whose size disagrees with its items")
    return end


def _described(data: bytes, at: int, depth: int) -> tuple[object, int]:
    depth = _deeper(depth)
    descriptor, at = _value(data, at, depth)
    value, at = _value(data, at, depth)
    return Described(descriptor, value), at


_DECODERS: dict[int, Decoder] = {
    0x00: _described,
    0x40: _constant(None),
    0x41: _constant(True),
    0x42: _constant(False),
    0x43: _constant(0),
    0x44: _constant(0),
    0x45: lambda data, at, depth: ([], at),
    0x50: _byte,
    0x51: _number(_I8, 1),
    0x52: _byte,
    0x53: _byte,
    0x54: _number(_I8, 1),
    0x55: _number(_I8, 1),
    0x56: _bool,
    0x60: _number(_U16, 2),
    0x61: _number(_I16, 2),
    0x70: _number(_U32, 4),
    0x71: _number(_I32, 4),
    0x72: _number(_F32, 4),
    0x73: _char,
    0x80: _number(_U64, 8),
    0x81: _number(_I64, 8),
    0x82: _number(_F64, 8),
    0x83: _timestamp,
    0x98: _uuid,
    0xA0: _variable(1, _as_bytes),
    0xA1: _variable(1, bytes.decode),
    0xA3: _variable(1, _as_symbol),
    0xB0: _variable(4, _as_bytes),
    0xB1: _variable(4, bytes.decode),
    0xB3: _variable(4, _as_symbol),
    0xC0: _list,
    0xC1: _map,
    0xD0: _list,
    0xD1: _map,
    0xE0: _array(1),
    0xF0: _array(4),
}
