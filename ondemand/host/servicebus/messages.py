"""From a received message to what the host tells its worker about it.

The fields and their kinds are those of Service Bus extension 5.x (``ServiceBusTriggerBindingStrategy``,
``MessageToStringConverter``). They are fewer than ``azure.functions.ServiceBusMessage`` has properties:
``dead_letter_reason``, ``locked_until``, ``time_to_live`` and a few more are None in Azure and so are None here (the
dead-letter reason is among the application properties). Times are in UTC: ``EnqueuedTime`` and ``ExpiresAt`` say so,
``EnqueuedTimeUtc`` and ``ExpiresAtUtc``, which the Python library reads, have no zone.
"""

import json
import re
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from math import isfinite, isnan

import orjson
from azure.servicebus import ServiceBusReceivedMessage
from azure.servicebus.amqp import AmqpMessageBodyType

from ondemand.host.invocation import TriggerInput
from ondemand.host.worker.protos import RpcTraceContext, TypedData

_ISO_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d")
NEVER, START = "9999-12-31T23:59:59.9999999", "0001-01-01T00:00:00"
"""The last time and the first one of .NET."""


def to_trigger_input(message: ServiceBusReceivedMessage, *, binary: bool) -> TriggerInput:
    """What the worker is told of *message*; *binary* is the ``data_type`` of the trigger.

    Raises TypeError for a body that the official host does not take either.
    """
    body = _body(message, binary)
    properties = application_properties(message)
    metadata = _metadata(message, properties)
    if isinstance(body, str):
        _shadow(metadata, body)
    data = TypedData(bytes=body) if isinstance(body, bytes) else TypedData(string=body)
    return TriggerInput(data, _trace(properties), metadata)


def _body(message: ServiceBusReceivedMessage, binary: bool) -> bytes | str:
    if message.body_type is AmqpMessageBodyType.DATA:
        data = b"".join(message.body)
        return data if binary else data.decode("utf-8", errors="replace")
    if message.body_type is AmqpMessageBodyType.VALUE and not binary:
        value = _text(message.body)
        if isinstance(value, str):
            return value
        raise TypeError(f"a message with a value body of {type(value).__name__} cannot be bound to a string")
    raise TypeError(f"a message with a {message.body_type.value} body cannot be bound")


def _metadata(message: ServiceBusReceivedMessage, properties: Mapping[str, object]) -> dict[str, TypedData]:
    """Strings as they are, and not those that are None; everything else as JSON."""
    strings: dict[str, object] = {
        "DeadLetterSource": message.dead_letter_source,
        "LockToken": message.lock_token,
        "MessageId": message.message_id,
        "ContentType": message.content_type,
        "ReplyTo": message.reply_to,
        "To": message.to,
        "Subject": message.subject,
        "Label": message.subject,
        "CorrelationId": message.correlation_id,
        "SessionId": message.session_id,
        "ReplyToSessionId": message.reply_to_session_id,
        "PartitionKey": message.partition_key,
    }
    told = TypedData(json=json.dumps(properties))
    given = {name: TypedData(string=str(_text(value))) for name, value in strings.items() if value is not None}
    return given | {
        # The AMQP header counts failed deliveries, .NET's DeliveryCount counts this one as well.
        "DeliveryCount": TypedData(json=str((message.delivery_count or 0) + 1)),
        "SequenceNumber": TypedData(json=str(message.sequence_number or 0)),
        "ApplicationProperties": told,
        "UserProperties": told,
        **_times("ExpiresAt", _time(message.expires_at_utc) or NEVER),
        **_times("EnqueuedTime", _time(message.enqueued_time_utc) or START),
    }


def _times(name: str, time: str) -> dict[str, TypedData]:
    return {f"{name}Utc": TypedData(json=f'"{time}"'), name: TypedData(json=f'"{time}+00:00"')}


def _shadow(metadata: dict[str, TypedData], body: str) -> None:
    """Lay the top level of a JSON body over the metadata, as the official host does (Azure/azure-functions-host#7119).

    Only what the Python library reads is laid over here.
    """
    text = body.strip()
    if not (text.startswith("{") and text.endswith("}")):
        return
    try:
        fields: dict[str, object] = orjson.loads(text)
    except ValueError:
        return
    for name, value in fields.items():
        known = _METADATA.get(name.lower()) or (name if name in _ONLY_FROM_BODIES else None)
        if known and value is not None and not isinstance(value, list):
            metadata[known] = TypedData(json=json.dumps(value)) if isinstance(value, dict) else _scalar(value)


def _scalar(value: object) -> TypedData:
    """As text; Newtonsoft.Json takes text that looks like a time for one, and writes it in a way of its own."""
    text = value if isinstance(value, str) else str(value)
    if _ISO_TIME.match(text):
        with suppress(ValueError):
            text = f"{datetime.fromisoformat(text):%m/%d/%Y %H:%M:%S}"
    return TypedData(string=text)


def application_properties(message: ServiceBusReceivedMessage) -> dict[str, object]:
    """The application properties with text as text; the SDK leaves keys and strings as bytes."""
    properties = message.application_properties or {}
    return {str(_text(name)): _plain(value) for name, value in properties.items()}


def _plain(value: object) -> object:
    """An AMQP value as JSON has it; what is no number is text, as Newtonsoft.Json writes it."""
    if isinstance(value, Mapping):
        return {str(_text(key)): _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if isinstance(value, float) and not isfinite(value):
        return "NaN" if isnan(value) else "Infinity" if value > 0 else "-Infinity"
    return value if isinstance(value, int | float | None) else str(_text(value))


def _trace(properties: Mapping[str, object]) -> RpcTraceContext:
    """The W3C trace context in the application properties, where ``Diagnostic-Id`` is Service Bus's older name."""
    parent = properties.get("traceparent") or properties.get("Diagnostic-Id") or ""
    return RpcTraceContext(str(parent), str(properties.get("tracestate") or ""))


def _text(value: object) -> object:
    return value.decode("utf-8", errors="replace") if isinstance(value, bytes) else value


def _time(value: datetime | None) -> str | None:
    return None if value is None else value.replace(tzinfo=None).isoformat()


_METADATA = {
    name.lower(): name
    for name in (
        *("DeliveryCount", "DeadLetterSource", "LockToken", "ExpiresAtUtc", "ExpiresAt", "EnqueuedTimeUtc"),
        *("EnqueuedTime", "MessageId", "ContentType", "ReplyTo", "SequenceNumber", "To", "Subject", "Label"),
        *("CorrelationId", "ApplicationProperties", "UserProperties", "SessionId", "ReplyToSessionId", "PartitionKey"),
    )
}
"""What the host knows of a message, in a dictionary that has no case."""
_ONLY_FROM_BODIES = {
    *("DeadLetterReason", "DeadLetterErrorDescription", "EnqueuedSequenceNumber", "LockedUntil"),
    *("ScheduledEnqueueTimeUtc", "State", "TimeToLive", "TransactionPartitionKey"),
}
"""What the library reads besides, by exactly these names."""
