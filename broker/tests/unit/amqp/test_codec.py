"""AMQP values: encoded values are decoded unchanged, and malformed bytes are errors."""

import math
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from servicebus_broker.amqp.decode import MAX_DEPTH, decode, skip
from servicebus_broker.amqp.encode import encode
from servicebus_broker.amqp.errors import DecodeError
from servicebus_broker.amqp.values import Array, Described, Symbol, Timestamp, UInt, ULong
from tests.unit.amqp.scalars import SCALARS

VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=5),
        st.dictionaries(st.text(max_size=5), inner, max_size=5),
        st.builds(Described, st.integers(0, 255).map(ULong), inner),
    ),
    max_leaves=20,
)


@given(VALUES)
def test_values_are_decoded_as_they_were_encoded(value: object) -> None:
    encoded = encode(value)
    assert decode(encoded) == (value, len(encoded))
    assert skip(encoded, 0) == len(encoded)


@given(st.binary(max_size=200))
def test_random_bytes_decode_or_are_refused(data: bytes) -> None:
    try:
        _, end = decode(data)
    except DecodeError:
        return
    assert end <= len(data)


@given(VALUES, st.data())
def test_truncated_values_are_refused(value: object, data: st.DataObject) -> None:
    encoded = encode(value)
    cut = data.draw(st.integers(0, len(encoded) - 1))
    with pytest.raises(DecodeError):
        decode(encoded[:cut])


@pytest.mark.parametrize(
    ("array", "items"),
    [
        (Array(int, [1, -2, 2**40]), [1, -2, 2**40]),
        (Array(UUID, [UUID(int=7)]), [UUID(int=7)]),
        (Array(Timestamp, [Timestamp(5)]), [5]),
        (Array(Symbol, ["a", "b"]), ["a", "b"]),
        (Array(str, []), []),
    ],
)
def test_arrays_are_read_as_lists(array: Array, items: list[object]) -> None:
    encoded = encode(array)
    assert decode(encoded) == (items, len(encoded))


@pytest.mark.parametrize(
    ("data", "value"),
    [
        pytest.param(b"\x40", None, id="null"),
        pytest.param(b"\x41", True, id="true"),
        pytest.param(b"\x42", False, id="false"),
        pytest.param(b"\x56\x01", True, id="boolean true"),
        pytest.param(b"\x56\x00", False, id="boolean false"),
        pytest.param(b"\x50\xff", 255, id="ubyte"),
        pytest.param(b"\x60\xff\xff", 2**16 - 1, id="ushort"),
        pytest.param(b"\x70\xff\xff\xff\xff", 2**32 - 1, id="uint"),
        pytest.param(b"\x52\xff", 255, id="small uint"),
        pytest.param(b"\x43", 0, id="uint 0"),
        pytest.param(b"\x80" + b"\xff" * 8, 2**64 - 1, id="ulong"),
        pytest.param(b"\x53\xff", 255, id="small ulong"),
        pytest.param(b"\x44", 0, id="ulong 0"),
        pytest.param(b"\x51\xff", -1, id="byte"),
        pytest.param(b"\x61\xff\xfe", -2, id="short"),
        pytest.param(b"\x71\xff\xff\xff\xfd", -3, id="int"),
        pytest.param(b"\x54\xfc", -4, id="small int"),
        pytest.param(b"\x81" + b"\xff" * 7 + b"\xfb", -5, id="long"),
        pytest.param(b"\x55\xfa", -6, id="small long"),
        pytest.param(b"\x72\x3f\x00\x00\x00", 0.5, id="float"),
        pytest.param(b"\x82\xbf\xe0" + bytes(6), -0.5, id="double"),
        pytest.param(b"\x73\x00\x01\xf6\x00", "\U0001f600", id="char"),
        pytest.param(b"\x83" + bytes(7) + b"\x07", Timestamp(7), id="timestamp"),
        pytest.param(b"\x98" + bytes(15) + b"\x07", UUID(int=7), id="uuid"),
        pytest.param(b"\xa0\x01\xff", b"\xff", id="binary 8"),
        pytest.param(b"\xb0\x00\x00\x00\x01\xff", b"\xff", id="binary 32"),
        pytest.param(b"\xa1\x02\xc3\xa9", "é", id="string 8"),
        pytest.param(b"\xb1\x00\x00\x00\x02\xc3\xa9", "é", id="string 32"),
        pytest.param(b"\xa3\x01a", Symbol("a"), id="symbol 8"),
        pytest.param(b"\xb3\x00\x00\x00\x01a", Symbol("a"), id="symbol 32"),
        pytest.param(b"\x45", [], id="list 0"),
        pytest.param(b"\xc0\x02\x01\x40", [None], id="list 8"),
        pytest.param(b"\xd0\x00\x00\x00\x05\x00\x00\x00\x01\x40", [None], id="list 32"),
        pytest.param(b"\xc1\x03\x02\x43\x41", {0: True}, id="map 8"),
        pytest.param(b"\xd1\x00\x00\x00\x06\x00\x00\x00\x02\x43\x41", {0: True}, id="map 32"),
        pytest.param(b"\xe0\x04\x02\x50\x01\x02", [1, 2], id="array 8"),
        pytest.param(b"\xf0\x00\x00\x00\x07\x00\x00\x00\x02\x50\x01\x02", [1, 2], id="array 32"),
        pytest.param(b"\x00\x53\x70\x45", Described(0x70, []), id="described"),
    ],
)
def test_every_constructor_is_read_and_skipped(data: bytes, value: object) -> None:
    decoded, end = decode(data)
    assert (decoded, type(decoded), end) == (value, type(value), len(data))
    assert skip(data, 0) == len(data)
    for cut in range(len(data)):
        with pytest.raises(DecodeError):
            decode(data[:cut])


@pytest.mark.parametrize("constructor", [0x74, 0x84, 0x94], ids=["decimal32", "decimal64", "decimal128"])
def test_decimals_pass_through_unread(constructor: int) -> None:
    width = {0x7: 4, 0x8: 8, 0x9: 16}[constructor >> 4]
    data = bytes((constructor,)) + bytes(width)
    assert skip(data, 0) == len(data)
    with pytest.raises(DecodeError):
        decode(data)


def test_types_decide_the_encoding() -> None:
    assert encode(UInt(0)) == b"\x43"
    assert encode(UInt(255)) == b"\x52\xff"
    assert encode(UInt(256)) == b"\x70\x00\x00\x01\x00"
    assert encode(1) == b"\x81" + bytes(7) + b"\x01"
    assert encode(Symbol("a")) == b"\xa3\x01a"
    assert encode("a") == b"\xa1\x01a"
    assert encode([]) == b"\x45"


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"\xd0\x00\x00\x00\x08\xff\xff\xff\xff\x40\x40\x40\x40", id="list that claims 4 billion items"),
        pytest.param(b"\xb0\xff\xff\xff\xff", id="binary that claims 4 GB"),
        pytest.param(b"\xf0\x00\x00\x00\x05\xff\xff\xff\xff\x40", id="array of 4 billion nulls"),
        pytest.param(b"\xc1\x02\x01\x40", id="map with a key and no value"),
        pytest.param(b"\xc0\x03\x01\x40\x40", id="list with bytes left over"),
        pytest.param(b"\xc1\x04\x02\x45\x45\x40", id="map key that is a list"),
        pytest.param(b"\x3f", id="unknown constructor"),
        pytest.param(b"\xa1\x01\xff", id="string that is not UTF-8"),
        pytest.param(b"", id="nothing"),
    ],
)
def test_malformed_values_are_refused_before_they_are_allocated(data: bytes) -> None:
    with pytest.raises(DecodeError):
        decode(data)


def test_deep_nesting_is_refused() -> None:
    value: object = []
    for _ in range(MAX_DEPTH + 1):
        value = [value]
    with pytest.raises(DecodeError, match="nested"):
        decode(encode(value))
    with pytest.raises(DecodeError, match="nested"):
        skip(b"\x00" * 10_000, 0)


def test_nan_is_decoded_as_nan() -> None:
    value, _ = decode(encode(math.nan))
    assert isinstance(value, float)
    assert math.isnan(value)
