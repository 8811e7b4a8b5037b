"""AMQP 1.0 values without a Python type of their own.

Encoding follows the Python type: ``None``, ``bool``, ``int`` (a long), ``float`` (a double), ``str``, ``bytes``,
``UUID``, ``list`` and ``dict`` directly, and the classes below where the wire type matters. Decoding gives every
integer as a plain ``int`` and every array as a ``list``.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID


class Symbol(str):
    """A symbolic value from a constrained (ASCII) domain."""

    __slots__ = ()


class UByte(int):
    """An integer of 0 to 2**8 - 1."""

    __slots__ = ()


class UShort(int):
    """An integer of 0 to 2**16 - 1."""

    __slots__ = ()


class UInt(int):
    """An integer of 0 to 2**32 - 1."""

    __slots__ = ()


class ULong(int):
    """An integer of 0 to 2**64 - 1."""

    __slots__ = ()


class Int(int):
    """A signed 32-bit integer."""

    __slots__ = ()


class Timestamp(int):
    """Milliseconds since the Unix epoch, UTC."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Described:
    """A value with its descriptor (a number or a symbol)."""

    descriptor: object
    value: object


@dataclass(frozen=True, slots=True)
class Array:
    """Items of one type, written as an AMQP array; ``of`` says which type."""

    of: type[UUID] | type[int] | type[Timestamp] | type[Symbol] | type[str]
    items: Sequence[object]
