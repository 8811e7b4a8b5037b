"""Message sections of azure-servicebus's own encoder are read, and written back unchanged."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from servicebus_broker.amqp.decode import decode
from servicebus_broker.amqp.encode import encode
from servicebus_broker.amqp.errors import DecodeError
from servicebus_broker.amqp.sections import (
    entry_value,
    read_application_properties,
    read_sections,
    read_value_body,
    set_message_id,
    split_batch,
    symbol_entry,
    with_application_properties,
    write_message,
    write_response,
)
from servicebus_broker.amqp.values import Described, Int, Symbol, Timestamp, UInt, ULong

HEADER, ANNOTATIONS, PROPERTIES, APPLICATION, DATA, VALUE = 0x70, 0x72, 0x73, 0x74, 0x75, 0x77


def section(code: int, value: object) -> bytes:
    return encode(Described(ULong(code), value))


MESSAGE = b"".join(
    (
        section(HEADER, [True, None, UInt(5000)]),
        section(ANNOTATIONS, {Symbol("x-mine"): Int(3), Symbol("x-opt-scheduled-enqueue-time"): Timestamp(7)}),
        section(PROPERTIES, ["id", None, None, None, None, "correlated", None, None, None, None, "session"]),
        section(APPLICATION, {"key": "value"}),
        section(DATA, b"body"),
    )
)


def test_fields_that_the_broker_reads_are_decoded() -> None:
    sections = read_sections(MESSAGE)
    assert (sections.durable, sections.ttl) == (True, 5000)
    assert (sections.message_id, sections.correlation_id, sections.session_id) == ("id", "correlated", "session")
    assert entry_value(sections.annotations["x-mine"]) == 3
    assert read_application_properties(sections) == {"key": "value"}


def test_everything_else_is_unchanged() -> None:
    sections = read_sections(MESSAGE)
    again = read_sections(write_message(sections, 4, sections.annotations | {"x-new": symbol_entry("x-new", "n")}))
    assert again.properties == sections.properties
    assert again.application_properties == sections.application_properties
    assert again.body == sections.body
    assert again.ttl == sections.ttl
    assert again.annotations.keys() == {"x-mine", "x-opt-scheduled-enqueue-time", "x-new"}
    assert again.annotations["x-mine"] == sections.annotations["x-mine"]


def test_application_properties_are_added_or_replaced() -> None:
    sections = read_sections(MESSAGE)
    sections.application_properties = with_application_properties(sections.application_properties, {"a": "1"})
    assert read_application_properties(sections) == {"key": "value", "a": "1"}
    sections.application_properties = with_application_properties(b"", {"a": "2"})
    assert read_application_properties(sections) == {"a": "2"}


def test_a_batch_is_one_message_in_each_data_section() -> None:
    assert split_batch(section(PROPERTIES, ["of the first"]) + section(DATA, b"one") + section(DATA, b"two")) == [
        b"one",
        b"two",
    ]
    with pytest.raises(DecodeError):
        split_batch(section(PROPERTIES, ["empty"]))


def test_requests_and_responses() -> None:
    response = read_sections(write_response("request", {"statusCode": Int(200)}, {"answer": 42}))
    assert response.correlation_id == "request"
    assert read_application_properties(response) == {"statusCode": 200}
    assert read_value_body(response) == {"answer": 42}


@pytest.mark.parametrize(
    "data",
    [b"\x00", b"garbage", section(0x99, []), section(HEADER, {}), section(ANNOTATIONS, {"k": 1})[:-1], MESSAGE[:-1]],
)
def test_malformed_messages_are_refused(data: bytes) -> None:
    with pytest.raises(DecodeError):
        read_sections(data)


@given(
    st.lists(st.one_of(st.none(), st.text(), st.integers(0, 2**31), st.binary()), max_size=13).filter(
        lambda items: not items or items[0] is None
    ),
    st.booleans(),
)
def test_a_message_without_an_id_gets_one_and_keeps_its_other_properties(
    items: list[object], has_properties: bool
) -> None:
    section = b"\x00\x53\x73" + encode(items) if has_properties else b""
    sections = read_sections(section + b"\x00\x53\x75\xa0\x01x")
    set_message_id(sections, "new")
    again = read_sections(write_message(sections, 0, {}))
    assert (again.message_id, again.body) == ("new", b"\x00\x53\x75\xa0\x01x")
    expected = ["new", *items[1:]] if has_properties else ["new"]
    assert decode(again.properties, 3)[0] == expected
