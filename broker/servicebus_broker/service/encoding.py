"""The encoding of messages for receivers, and of times."""

import struct

from servicebus_broker.amqp.encode import encode
from servicebus_broker.amqp.sections import symbol_entry, write_message
from servicebus_broker.amqp.values import Int, Symbol, Timestamp
from servicebus_broker.queues.clock import Clock
from servicebus_broker.queues.message import Message
from servicebus_broker.queues.queue import Queue

_SEQUENCE_NUMBER = "x-opt-sequence-number"
_ENQUEUED_TIME = "x-opt-enqueued-time"
_LOCKED_UNTIL = "x-opt-locked-until"
_STATE = "x-opt-message-state"
_DEAD_LETTER_SOURCE = "x-opt-deadletter-source"

_LONG, _TIMESTAMP = b"\x81", b"\x83"
_KEYS = {key: encode(Symbol(key)) for key in (_SEQUENCE_NUMBER, _ENQUEUED_TIME, _LOCKED_UNTIL)}
_I64 = struct.Struct(">q").pack
# .NET counts ticks of 100 ns since the year 1.
_TICKS_AT_EPOCH = 621_355_968_000_000_000


def encode_message(message: Message, queue: Queue) -> bytes:
    """The encoded message with the annotations that Service Bus adds."""
    enqueued_at = _milliseconds(queue.clock.to_wall(message.enqueued_at))
    annotations = dict(message.sections.annotations)
    annotations[_SEQUENCE_NUMBER] = _KEYS[_SEQUENCE_NUMBER] + _LONG + _I64(message.sequence_number)
    annotations[_ENQUEUED_TIME] = _KEYS[_ENQUEUED_TIME] + _TIMESTAMP + _I64(enqueued_at)
    annotations[_STATE] = symbol_entry(_STATE, Int(message.state))
    annotations.pop(_LOCKED_UNTIL, None)
    if message.lock is not None:
        until = _milliseconds(queue.clock.told_until(message.lock.until))
        annotations[_LOCKED_UNTIL] = _KEYS[_LOCKED_UNTIL] + _TIMESTAMP + _I64(until)
    # A dead letter has it only once it was forwarded.
    if message.dead_letter_source is not None and queue.dead_letters is not None:
        annotations[_DEAD_LETTER_SOURCE] = symbol_entry(_DEAD_LETTER_SOURCE, message.dead_letter_source)
    return write_message(message.sections, message.delivery_count, annotations)


def lock_timestamp(until: float, clock: Clock) -> Timestamp:
    """The end of a lock, a running time, as an AMQP timestamp."""
    return Timestamp(_milliseconds(clock.told_until(until)))


def lock_ticks(until: float, clock: Clock) -> int:
    """The end of a lock, a running time, as a .NET tick count."""
    return _TICKS_AT_EPOCH + _milliseconds(clock.told_until(until)) * 10_000


def _milliseconds(seconds: float) -> int:
    return int(seconds * 1000)
