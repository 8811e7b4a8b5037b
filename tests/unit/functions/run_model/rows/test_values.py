"""One JSON value to the value that its type means."""

from collections.abc import Callable
from typing import Any

import pytest

from functions.run_model.rows import dates, values
from functions.run_model.rows.columns import read_column
from functions.run_model.rows.kinds import STRING, integer
from functions.run_model.rows.refusals import WrongValue
from functions.run_model.rows.untyped import untyped_column


@pytest.mark.parametrize(
    ("read", "value", "expected"),
    [
        (values.half, 0.1, 0.0999755859375),
        (values.single, "0.1", 0.10000000149011612),
        (values.binary, "YQ==\r\n", b"a"),
        (dates.nanoseconds, "1970-01-01T01:00+01:00", 0),
    ],
)
def test_value_is_read(read: Callable[[Any], Any], value: Any, expected: Any) -> None:
    assert read(value) == expected


@pytest.mark.parametrize(
    ("read", "value", "reason"),
    [
        (values.half, 2**16, "does not fit a 16-bit"),
        (values.single, 2**130, "does not fit a 32-bit"),
        (values.double, 2**1100, "does not fit a 64-bit"),
        (values.half, 2049, "has no exact 16-bit"),
        (values.single, 1e39, "does not fit a 32-bit"),
        (values.double, float("inf"), "is not a finite number"),
        (values.text, "\ud800", "half of a surrogate pair"),
        (values.binary, "é", "is not base64"),
        (values.binary, "YQ", "is not base64"),
        (dates.nanoseconds, "2024-01-01T00:00+24:00", "no offset from UTC"),
        (dates.nanoseconds, "2024-02-30", "no date of the calendar"),
    ],
)
def test_value_that_its_type_does_not_take(read: Callable[[Any], Any], value: Any, reason: str) -> None:
    with pytest.raises(WrongValue, match=reason):
        read(value)


def test_column_names_every_offender() -> None:
    array, offenders = read_column(["a", "\ud800", "b", 1], STRING, required=True)
    assert array is None
    assert [position for position, _ in offenders] == [1, 3]
    array, offenders = read_column(["a", "\udfff"], STRING, required=True)
    assert array is None
    assert [position for position, _ in offenders] == [1]
    assert read_column([1, 2**40], integer(32), required=True)[1] == [(1, f"{2**40} does not fit 32 bits")]


@pytest.mark.parametrize(
    ("given", "offenders"),
    [
        ([1, 2**63], [(1, f"{2**63} does not fit 64 bits")]),
        ([0.5, 2**53 + 1], [(1, "has no exact 64-bit")]),
        (["a", "\ud800"], [(1, "half of a surrogate pair")]),
    ],
)
def test_column_without_a_type_names_its_offenders(given: list[Any], offenders: list[tuple[int, str]]) -> None:
    column, found = untyped_column(given)
    assert column is None
    assert [position for position, _ in found] == [position for position, _ in offenders]
    assert all(expected in message for (_, message), (_, expected) in zip(found, offenders, strict=True))
