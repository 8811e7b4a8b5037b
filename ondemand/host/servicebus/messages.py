"""From a received message to ``azure.functions.ServiceBusMessage``, by way of the trigger metadata the host sends.

The field list is that of the Service Bus extension 5.x. It is shorter than what ``ServiceBusMessage`` has properties
for: ``dead_letter_reason``, ``locked_until``, ``time_to_live`` and a few more are None in Azure and so are None here
(the dead-letter reason is among the application properties). Times are in UTC and, as there, come without a zone.
"""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import cast

import azure.functions as func
from azure.functions.meta import Datum
from azure.functions.servicebus import ServiceBusMessageInConverter
from azure.servicebus import ServiceBusReceivedMessage
from azure.servicebus.amqp import AmqpMessageBodyType

from ondemand.host.context import InvocationTrace

NEVER = "9999-12-31T23:59:59.9999999"


class _MessageConverter(ServiceBusMessageInConverter, binding=None):
    """The library's converter with a faster way to read times: it tries the thirteen formats it knows one by one."""

    @classmethod
    def _parse_datetime(cls, datetime_str: str | None) -> datetime | None:
        return datetime.fromisoformat(datetime_str) if datetime_str else None


def to_function_message(message: ServiceBusReceivedMessage, *, binary: bool) -> func.ServiceBusMessage:
    """Build the argument of the function from *message*; *binary* is the ``data_type`` of the trigger."""
    body = _body(message)
    datum = Datum(body, "bytes") if binary else Datum(body.decode("utf-8", errors="replace"), "string")
    decoded = _MessageConverter.decode(datum, trigger_metadata=trigger_metadata(message))
    return cast(func.ServiceBusMessage, decoded)


def _body(message: ServiceBusReceivedMessage) -> bytes:
    """The bytes of the body; an AMQP value or sequence as text, or as JSON where it is no text."""
    if message.body_type is AmqpMessageBodyType.DATA:
        return b"".join(message.body)
    value = _plain(message.body if message.body_type is AmqpMessageBodyType.VALUE else list(message.body))
    return (value if isinstance(value, str) else json.dumps(value)).encode()


def _plain(value: object) -> object:
    """An AMQP value as JSON has it."""
    if isinstance(value, Mapping):
        return {str(_text(key)): _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return value if isinstance(value, int | float | None) else str(_text(value))


def trigger_metadata(message: ServiceBusReceivedMessage) -> dict[str, Datum]:
    """The metadata the host sends along with *message*: strings as they are, everything else as JSON."""
    properties = application_properties(message)
    values: dict[str, object] = {
        # The AMQP header counts failed deliveries, .NET's DeliveryCount counts this one as well.
        "DeliveryCount": (message.delivery_count or 0) + 1,
        "DeadLetterSource": message.dead_letter_source,
        "LockToken": str(message.lock_token),
        "ExpiresAtUtc": _time(message.expires_at_utc) or NEVER,
        "ExpiresAt": _time(message.expires_at_utc) or NEVER,
        "EnqueuedTimeUtc": _time(message.enqueued_time_utc),
        "EnqueuedTime": _time(message.enqueued_time_utc),
        "MessageId": message.message_id,
        "ContentType": message.content_type,
        "ReplyTo": message.reply_to,
        "SequenceNumber": message.sequence_number,
        "To": message.to,
        "Subject": message.subject,
        "Label": message.subject,
        "CorrelationId": message.correlation_id,
        "ApplicationProperties": properties,
        "UserProperties": properties,
        "SessionId": message.session_id,
        "ReplyToSessionId": message.reply_to_session_id,
        "PartitionKey": message.partition_key,
    }
    return {name: _datum(value) for name, value in values.items() if value is not None}


def application_properties(message: ServiceBusReceivedMessage) -> dict[str, object]:
    """The application properties with text as text; the SDK leaves keys and strings as bytes."""
    properties = message.application_properties or {}
    return {str(_text(name)): _plain(value) for name, value in properties.items()}


def trace_of(message: ServiceBusReceivedMessage) -> InvocationTrace:
    """The W3C trace context in the application properties, where ``Diagnostic-Id`` is Service Bus's older name."""
    properties = application_properties(message)
    parent = properties.get("traceparent") or properties.get("Diagnostic-Id") or ""
    return InvocationTrace(str(parent), str(properties.get("tracestate") or ""))


def _datum(value: object) -> Datum:
    return Datum(value, "string") if isinstance(value, str) else Datum(json.dumps(value, default=str), "json")


def _text(value: object) -> object:
    return value.decode("utf-8", errors="replace") if isinstance(value, bytes) else value


def _time(value: datetime | None) -> str | None:
    return None if value is None else value.replace(tzinfo=None).isoformat()
