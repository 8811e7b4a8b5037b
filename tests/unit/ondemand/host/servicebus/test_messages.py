import json
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from math import inf, nan
from typing import Any

import pytest
from azure.functions.servicebus import ServiceBusMessageInConverter
from azure.servicebus import ServiceBusReceivedMessage
from azure.servicebus._pyamqp.message import Header, Message, Properties

from functions.contracts import CheckTraining, Event, RunModel, StartTraining
from ondemand.host.servicebus.messages import _METADATA, _ONLY_FROM_BODIES, NEVER, _plain, to_trigger_input
from ondemand.host.worker.protos import TypedData

ENQUEUED = datetime(2026, 11, 26, 21, 0, 22, 776000, tzinfo=UTC)


def received(*body: bytes, ttl: int | None = None, **sections: Any) -> ServiceBusReceivedMessage:
    """As the SDK makes one of a transfer frame."""
    message = Message(
        header=Header(delivery_count=2, ttl=ttl),
        message_annotations={
            b"x-opt-enqueued-time": int(ENQUEUED.timestamp() * 1000),
            b"x-opt-sequence-number": 2**40,
        },
        **({"data": list(body)} if body else {}) | sections,
    )
    frame: Any = [None, 1, uuid.UUID(int=7).bytes_le]
    return ServiceBusReceivedMessage(message, frame=frame, receiver=None)


def metadata(message: ServiceBusReceivedMessage) -> Mapping[str, TypedData]:
    return to_trigger_input(message, binary=False).metadata


def test_fields_that_the_library_reads_are_those_the_host_has_or_takes_from_bodies() -> None:
    read: set[str] = set()

    class Names(dict[str, Any]):
        def get(self, name: str, default: Any = None) -> Any:
            read.add(name)
            return default

    ServiceBusMessageInConverter.decode_single_message(None, trigger_metadata=Names())  # type: ignore[arg-type]
    assert read <= {*_METADATA.values(), *_ONLY_FROM_BODIES}


def test_properties_that_are_no_numbers_are_text_as_newtonsoft_writes_them() -> None:
    """The worker reads the properties by a parser that takes no NaN."""
    given = metadata(received(b"x", application_properties={b"a": nan, b"b": [inf, -inf], b"c": 1.5}))
    assert given["UserProperties"] == TypedData(json='{"a": "NaN", "b": ["Infinity", "-Infinity"], "c": 1.5}')


def test_strings_are_strings_and_others_are_json() -> None:
    properties = Properties(message_id=b"m", correlation_id=b"c", group_id=b"s", reply_to_group_id=b"r")
    given = metadata(received(b"x", properties=properties, application_properties={b"a": b"b", b"n": 1}))
    assert given["MessageId"] == TypedData(string="m")
    assert given["LockToken"] == TypedData(string=str(uuid.UUID(int=7)))
    assert given["SessionId"] == TypedData(string="s")
    assert given["DeliveryCount"] == TypedData(json="3")
    assert given["SequenceNumber"] == TypedData(json=str(2**40))
    assert given["UserProperties"] == given["ApplicationProperties"] == TypedData(json='{"a": "b", "n": 1}')
    assert "To" not in given


def test_times_that_say_so_are_in_utc_and_the_others_too() -> None:
    given = metadata(received(b"x", ttl=1000))
    assert given["EnqueuedTimeUtc"] == TypedData(json='"2026-11-26T21:00:22.776000"')
    assert given["EnqueuedTime"] == TypedData(json='"2026-11-26T21:00:22.776000+00:00"')
    assert given["ExpiresAtUtc"] == TypedData(json='"2026-11-26T21:00:23.776000"')
    assert metadata(received(b"x"))["ExpiresAt"] == TypedData(json=f'"{NEVER}+00:00"')


def test_trace_is_in_the_application_properties() -> None:
    for name in (b"traceparent", b"Diagnostic-Id"):
        given = to_trigger_input(received(b"x", application_properties={name: b"00-1"}), binary=False)
        assert given.trace.trace_parent == "00-1"


@pytest.mark.parametrize(
    ("message", "binary", "data"),
    [
        (received(b"gr", "üße".encode()), False, TypedData(string="grüße")),
        (received(b"\xff"), False, TypedData(string="\ufffd")),
        (received(b"\xff"), True, TypedData(bytes=b"\xff")),
        (received(b""), False, TypedData(string="")),
        (received(value=b"text"), False, TypedData(string="text")),
    ],
)
def test_body_is_text_unless_bytes_are_asked_for(
    message: ServiceBusReceivedMessage, binary: bool, data: TypedData
) -> None:
    assert to_trigger_input(message, binary=binary).data == data


@pytest.mark.parametrize(
    ("sections", "binary"), [({"value": {b"a": 1}}, False), ({"sequence": [[1]]}, False), ({"value": b"text"}, True)]
)
def test_other_bodies_are_refused(sections: dict[str, Any], binary: bool) -> None:
    with pytest.raises(TypeError, match="cannot be bound"):
        to_trigger_input(received(**sections), binary=binary)


@pytest.mark.parametrize(
    ("body", "name", "data"),
    [
        ({"messageID": "x"}, "MessageId", TypedData(string="x")),
        ({"UserProperties": {"a": 1}}, "UserProperties", TypedData(json='{"a": 1}')),
        ({"deliveryCount": 7}, "DeliveryCount", TypedData(string="7")),
        ({"ExpiresAtUtc": "2026-11-26T21:00:22Z"}, "ExpiresAtUtc", TypedData(string="11/26/2026 21:00:22")),
        ({"ExpiresAtUtc": "2026-99-26T21:00:22Z"}, "ExpiresAtUtc", TypedData(string="2026-99-26T21:00:22Z")),
        ({"DeadLetterReason": True}, "DeadLetterReason", TypedData(string="True")),
    ],
)
def test_body_shadows_metadata(body: dict[str, Any], name: str, data: TypedData) -> None:
    assert metadata(received(json.dumps(body).encode()))[name] == data


@pytest.mark.parametrize("body", [b'[{"MessageId": "x"}]', b'{"MessageId": "x"', b'{"MessageId": null}', b"{]}"])
def test_other_bodies_shadow_nothing(body: bytes) -> None:
    assert "MessageId" not in metadata(received(body))


def test_no_message_of_the_app_shadows_what_the_library_reads() -> None:
    fields = {
        str(field.alias or name)
        for message in (RunModel, StartTraining, CheckTraining, Event)
        for name, field in message.model_fields.items()
    }
    shadowed = {_METADATA[name.lower()] for name in fields if name.lower() in _METADATA} | fields & _ONLY_FROM_BODIES
    assert shadowed == {"ExpiresAt"}  # the library reads ExpiresAtUtc


@pytest.mark.parametrize(
    "value",
    [{b"a": {b"b": [b"\xff", {1: None}]}}, uuid.UUID(int=1), datetime(2026, 1, 1, tzinfo=UTC), (1, 2.5), True, 2**63],
)
def test_value_of_any_type_becomes_json(value: object) -> None:
    json.dumps(_plain(value))
