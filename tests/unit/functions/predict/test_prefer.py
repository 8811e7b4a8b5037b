"""``Prefer`` as of RFC 7240."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.predict.prefer import applied, preferred_wait


@pytest.mark.parametrize(
    ("header", "seconds", "told"),
    [
        (None, None, None),
        ("", None, None),
        (" , ,", None, None),
        ("return=minimal", None, None),
        ("wait=10", 10, "wait=10"),
        ("Wait = 7", 7, "wait=7"),
        ("WAIT\t=\t7", 7, "wait=7"),
        ('wait="5"', 5, "wait=5"),
        ('wait="\\5"', 5, "wait=5"),
        ("wait=007", 7, "wait=7"),
        ("wait=10;foo", 10, "wait=10"),
        ('wait=10 ; foo = "a, wait=3" ; ; b', 10, "wait=10"),
        ("respond-async", 0, "respond-async"),
        ("Respond-Async", 0, "respond-async"),
        ("respond-async, wait=10", 10, "respond-async, wait=10"),
        ("wait=10, respond-async", 10, "respond-async, wait=10"),
        ("respond-async,wait=10,return=minimal", 10, "respond-async, wait=10"),
        ("handling=lenient,, wait=3", 3, "wait=3"),
        ("wait=3600", 60, "wait=60"),
        ("wait=" + "9" * 400, 60, "wait=60"),
        ("wait=0", 0, "wait=0"),
        ("wait=1, wait=2", 1, "wait=1"),
        ("wait=soon, wait=2", None, None),
        ("respond-async, wait=soon", 0, "respond-async"),
        ("return=minimal; wait=3", None, None),
        ('foo="bar, wait=10"', None, None),
        ('foo="bar\\", wait=10"', None, None),
        ('foo="respond-async"', None, None),
        ("foo bar, wait=4", 4, "wait=4"),
        ('foo="a" b="c,d", wait=4', 4, "wait=4"),
        ('foo="unfinished, wait=4', 4, "wait=4"),
        ("await=5", None, None),
        ("wait=-1", None, None),
        ("wait=1.5", None, None),
        ("wait=", None, None),
        ("wait", None, None),
        ("wait=\u0665", None, None),
        ("wait=5 5", None, None),
    ],
)
def test_preferred_wait(header: str | None, seconds: float | None, told: str | None) -> None:
    wait = preferred_wait(header)
    assert wait == seconds
    assert applied(wait) == ({} if told is None else {"Preference-Applied": told})


@given(st.text(alphabet=' \t,;="\\wait0123respond-async\u00e9', max_size=60))
def test_any_header_has_a_reading(header: str) -> None:
    wait = preferred_wait(header)
    assert wait is None or 0 <= wait <= 60
    first = preferred_wait(f"wait=9,{header}")
    assert first is not None
    assert float(first) == 9


@pytest.mark.parametrize("part", [" ", ";", '"', "\\", ",", "a=", "a;", '"\\"', ' "', "; ;", "wait "])
def test_a_long_header_is_read_once(part: str) -> None:
    """A pattern that gave back what it took would not end here."""
    preferred_wait(f'x{part * 50_000}"')
    preferred_wait(f"wait=1;{part * 50_000}")
