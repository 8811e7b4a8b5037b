"""The composite types of AMQP 1.0: frame bodies, termini, delivery states and SASL.

One table at the end has the wire form of each field. Fields are always written in full: azure-servicebus indexes them
by position.
"""

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import TypeVar

from servicebus_broker.amqp.decode import decode
from servicebus_broker.amqp.encode import encode_into, write_list
from servicebus_broker.amqp.errors import DecodeError
from servicebus_broker.amqp.values import Described, Symbol, UByte, UInt, ULong, UShort

MAX_UINT = 2**32 - 1


@dataclass(slots=True)
class Error:
    condition: str = ""
    description: str | None = None
    info: dict[object, object] | None = None


@dataclass(slots=True)
class Source:
    address: str | None = None
    durable: int | None = None
    expiry_policy: str | None = None
    timeout: int | None = None
    dynamic: bool | None = None
    dynamic_node_properties: dict[object, object] | None = None
    distribution_mode: str | None = None
    filter: dict[object, object] | None = None
    default_outcome: object = None
    outcomes: object = None
    capabilities: object = None


@dataclass(slots=True)
class Target:
    address: str | None = None
    durable: int | None = None
    expiry_policy: str | None = None
    timeout: int | None = None
    dynamic: bool | None = None
    dynamic_node_properties: dict[object, object] | None = None
    capabilities: object = None


@dataclass(slots=True)
class Coordinator:
    """The target of a link that controls transactions."""

    capabilities: object = None


@dataclass(slots=True)
class Received:
    section_number: int = 0
    section_offset: int = 0


@dataclass(slots=True)
class Accepted:
    pass


@dataclass(slots=True)
class Rejected:
    error: Error | None = None


@dataclass(slots=True)
class Released:
    pass


@dataclass(slots=True)
class Modified:
    delivery_failed: bool | None = None
    undeliverable_here: bool | None = None
    message_annotations: dict[object, object] | None = None


Outcome = Accepted | Rejected | Released | Modified
DeliveryState = Outcome | Received


@dataclass(slots=True)
class Open:
    container_id: str = ""
    hostname: str | None = None
    max_frame_size: int = MAX_UINT
    channel_max: int = 65535
    idle_time_out: int | None = None
    outgoing_locales: object = None
    incoming_locales: object = None
    offered_capabilities: object = None
    desired_capabilities: object = None
    properties: dict[object, object] | None = None


@dataclass(slots=True)
class Begin:
    remote_channel: int | None = None
    next_outgoing_id: int = 0
    incoming_window: int = 0
    outgoing_window: int = 0
    handle_max: int = MAX_UINT
    offered_capabilities: object = None
    desired_capabilities: object = None
    properties: dict[object, object] | None = None


@dataclass(slots=True)
class Attach:
    name: str = ""
    handle: int = 0
    role: bool = False
    snd_settle_mode: int = 2
    rcv_settle_mode: int = 0
    source: Source | None = None
    target: Target | Coordinator | None = None
    unsettled: dict[object, object] | None = None
    incomplete_unsettled: bool = False
    initial_delivery_count: int | None = None
    max_message_size: int | None = None
    offered_capabilities: object = None
    desired_capabilities: object = None
    properties: dict[object, object] | None = None


@dataclass(slots=True)
class Flow:
    next_incoming_id: int | None = None
    incoming_window: int = 0
    next_outgoing_id: int = 0
    outgoing_window: int = 0
    handle: int | None = None
    delivery_count: int | None = None
    link_credit: int | None = None
    available: int | None = None
    drain: bool = False
    echo: bool = False
    properties: dict[object, object] | None = None


@dataclass(slots=True)
class Transfer:
    handle: int = 0
    delivery_id: int | None = None
    delivery_tag: bytes | None = None
    message_format: int | None = None
    settled: bool | None = None
    more: bool = False
    rcv_settle_mode: int | None = None
    state: DeliveryState | None = None
    resume: bool = False
    aborted: bool = False
    batchable: bool = False


@dataclass(slots=True)
class Disposition:
    role: bool = False
    first: int = 0
    last: int | None = None
    settled: bool = False
    state: DeliveryState | None = None
    batchable: bool = False


@dataclass(slots=True)
class Detach:
    handle: int = 0
    closed: bool = False
    error: Error | None = None


@dataclass(slots=True)
class End:
    error: Error | None = None


@dataclass(slots=True)
class Close:
    error: Error | None = None


@dataclass(slots=True)
class SaslMechanisms:
    sasl_server_mechanisms: object = None


@dataclass(slots=True)
class SaslInit:
    mechanism: str = ""
    initial_response: bytes | None = None
    hostname: str | None = None


@dataclass(slots=True)
class SaslOutcome:
    code: int = 0
    additional_data: bytes | None = None


@dataclass(frozen=True, slots=True)
class _Kind:
    """The wire form of a field: how to write it, and which decoded values are valid."""

    name: str
    wrap: Callable[[object], object]
    accepts: Callable[[object], bool]


def _instance(*types: type) -> Callable[[object], bool]:
    return lambda value: type(value) in types


def _within(limit: int) -> Callable[[object], bool]:
    return lambda value: type(value) is int and 0 <= value <= limit


def _same(value: object) -> object:
    return value


_UBYTE = _Kind("ubyte", UByte, _within(255))  # type: ignore[arg-type]  # int() takes any value that _within let through
_USHORT = _Kind("ushort", UShort, _within(65535))  # type: ignore[arg-type]  # as above
_UINT = _Kind("uint", UInt, _within(MAX_UINT))  # type: ignore[arg-type]  # as above
_ULONG = _Kind("ulong", ULong, _within(2**64 - 1))  # type: ignore[arg-type]  # as above
_BOOL = _Kind("boolean", _same, _instance(bool))
_STRING = _Kind("string", _same, _instance(str))
_SYMBOL = _Kind("symbol", Symbol, _instance(Symbol))
_BINARY = _Kind("binary", _same, _instance(bytes))
_MAP = _Kind("map", _same, _instance(dict))
_ANY = _Kind("any", _same, lambda value: True)
_ADDRESS = _Kind("address", _same, _instance(str))


def _composite(*types: type) -> _Kind:
    return _Kind("/".join(each.__name__ for each in types), _same, _instance(*types))


_ERROR = _composite(Error)
_SOURCE = _composite(Source)
_TARGET = _composite(Target, Coordinator)
_STATE = _composite(Accepted, Rejected, Released, Modified, Received)

# descriptor code, class, one kind for each field
_TABLE: list[tuple[int, type, tuple[_Kind, ...]]] = [
    (0x10, Open, (_STRING, _STRING, _UINT, _USHORT, _UINT, _ANY, _ANY, _ANY, _ANY, _MAP)),
    (0x11, Begin, (_USHORT, _UINT, _UINT, _UINT, _UINT, _ANY, _ANY, _MAP)),
    (
        0x12,
        Attach,
        (_STRING, _UINT, _BOOL, _UBYTE, _UBYTE, _SOURCE, _TARGET, _MAP, _BOOL, _UINT, _ULONG, _ANY, _ANY, _MAP),
    ),
    (0x13, Flow, (_UINT, _UINT, _UINT, _UINT, _UINT, _UINT, _UINT, _UINT, _BOOL, _BOOL, _MAP)),
    (0x14, Transfer, (_UINT, _UINT, _BINARY, _UINT, _BOOL, _BOOL, _UBYTE, _STATE, _BOOL, _BOOL, _BOOL)),
    (0x15, Disposition, (_BOOL, _UINT, _UINT, _BOOL, _STATE, _BOOL)),
    (0x16, Detach, (_UINT, _BOOL, _ERROR)),
    (0x17, End, (_ERROR,)),
    (0x18, Close, (_ERROR,)),
    (0x1D, Error, (_SYMBOL, _STRING, _MAP)),
    (0x23, Received, (_UINT, _ULONG)),
    (0x24, Accepted, ()),
    (0x25, Rejected, (_ERROR,)),
    (0x26, Released, ()),
    (0x27, Modified, (_BOOL, _BOOL, _MAP)),
    (0x28, Source, (_ADDRESS, _UINT, _SYMBOL, _UINT, _BOOL, _MAP, _SYMBOL, _MAP, _ANY, _ANY, _ANY)),
    (0x29, Target, (_ADDRESS, _UINT, _SYMBOL, _UINT, _BOOL, _MAP, _ANY)),
    (0x30, Coordinator, (_ANY,)),
    (0x40, SaslMechanisms, (_ANY,)),
    (0x41, SaslInit, (_SYMBOL, _BINARY, _STRING)),
    (0x44, SaslOutcome, (_UBYTE, _BINARY)),
]


@dataclass(frozen=True, slots=True)
class _Spec:
    type: type
    prefix: bytes
    names: tuple[str, ...]
    kinds: tuple[_Kind, ...]


_BY_CODE = {
    code: _Spec(kind, bytes((0x00, 0x53, code)), tuple(each.name for each in fields(kind)), kinds)
    for code, kind, kinds in _TABLE
}
_BY_TYPE = {spec.type: spec for spec in _BY_CODE.values()}

T = TypeVar("T")


def write_composite(out: bytearray, value: object) -> None:
    """Append the encoding of an instance of this module's types."""
    spec = _BY_TYPE[type(value)]
    body = bytearray()
    for name, kind in zip(spec.names, spec.kinds, strict=True):
        item = getattr(value, name)
        if item is None:
            body.append(0x40)
        elif item is True or item is False:  # most fields are one of these three
            body.append(0x41 if item else 0x42)
        elif type(item) in _BY_TYPE:
            write_composite(body, item)
        else:
            encode_into(body, kind.wrap(item))
    out += spec.prefix
    if spec.names:
        write_list(out, len(spec.names), body)
    else:
        out.append(0x45)


def read_composite(data: bytes, at: int = 0) -> tuple[object, int]:
    """The composite at ``at`` as one of this module's types, and where it ends. Raises DecodeError."""
    described, end = decode(data, at)
    value = _build(described)
    if type(value) not in _BY_TYPE:
        raise DecodeError("a frame body of an unknown type")
    return value, end


def read_as(kind: type[T], data: bytes, at: int = 0) -> tuple[T, int]:
    """Like `read_composite`, for one expected type."""
    value, end = read_composite(data, at)
    if not isinstance(value, kind):
        raise DecodeError(f"{type(value).__name__} where {kind.__name__} was expected")
    return value, end


def _build(value: object) -> object:
    if type(value) is not Described or type(value.descriptor) is not int:
        return value
    spec = _BY_CODE.get(value.descriptor)
    if spec is None:
        return value
    items = value.value
    if type(items) is not list or len(items) > len(spec.names):
        raise DecodeError(f"{spec.type.__name__} is not a list of at most {len(spec.names)} fields")
    built = spec.type()
    for name, kind, raw in zip(spec.names, spec.kinds, items, strict=False):
        if raw is None:
            continue
        item = _build(raw) if type(raw) is Described and kind is not _ANY else raw
        if not kind.accepts(item):
            raise DecodeError(f"{spec.type.__name__}.{name} is not a {kind.name}")
        setattr(built, name, item)
    return built
