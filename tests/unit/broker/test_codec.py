"""AMQP values: what is written is read back, and nonsense is an error."""

import math
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.broker.amqp.decode import MAX_DEPTH, decode, skip
from local.broker.amqp.encode import encode
from local.broker.amqp.errors import DecodeError
from local.broker.amqp.values import Array, Described, Int, Symbol, Timestamp, UByte, UInt, ULong, UShort

SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.integers(0, 2**8 - 1).map(UByte),
    st.integers(0, 2**16 - 1).map(UShort),
    st.integers(0, 2**32 - 1).map(UInt),
    st.integers(0, 2**64 - 1).map(ULong),
    st.integers(-(2**31), 2**31 - 1).map(Int),
    st.integers(-(2**63), 2**63 - 1).map(Timestamp),
    st.floats(allow_nan=False),
    st.text(max_size=300),
    st.text(st.characters(codec="ascii"), max_size=300).map(Symbol),
    st.binary(max_size=300),
    st.uuids(),
)
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
def test_values_survive_the_wire(value: object) -> None:
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


def test_nan_survives() -> None:
    value, _ = decode(encode(math.nan))
    assert isinstance(value, float)
    assert math.isnan(value)
