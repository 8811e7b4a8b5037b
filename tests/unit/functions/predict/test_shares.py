"""Fair shares."""

from contextlib import ExitStack

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.errors import TooManyRequests
from functions.predict.shares import Shares


def fill(shares: Shares, caller: str, amount: int = 1) -> int:
    """Take as much as the caller gets."""
    taken = 0
    while shares.fits(caller, amount):
        shares.take(caller, amount)
        taken += amount
    return taken


def test_caller_alone_gets_half_and_the_next_ones_find_room() -> None:
    shares = Shares(900, "places")
    assert [fill(shares, caller) for caller in "abcd"] == [450, 225, 112, 56]


def test_callers_that_ask_for_all_at_the_same_time_get_the_same() -> None:
    shares = Shares(900, "places")
    while any(shares.fits(caller) for caller in "ab"):
        for caller in "ab":
            if shares.fits(caller):
                shares.take(caller)
    assert shares.fits("c")
    assert fill(shares, "c", 1) == 150


def test_refusal_says_what_the_caller_holds_and_when_to_come_again() -> None:
    shares = Shares(4, "places")
    fill(shares, "a")
    with pytest.raises(TooManyRequests, match="holds 2 of 4 places in this instance, and 2 are free") as refusal:
        shares.take("a")
    assert refusal.value.retry_after == 1


def test_place_comes_back_however_its_request_ends() -> None:
    shares = Shares(2, "places")
    with pytest.raises(TooManyRequests), shares.hold("a"):
        shares.take("a")
    assert shares.fits("a")


def test_caller_gets_no_large_amount_that_leaves_less_than_it_holds() -> None:
    shares = Shares(100, "bytes")
    assert not shares.fits("a", 51)
    assert shares.fits("a", 50)
    with shares.hold("a", 30):
        assert not shares.fits("a", 21)
        assert shares.fits("b", 35)


@given(
    size=st.integers(0, 50),
    asked=st.lists(st.tuples(st.sampled_from("abc"), st.integers(1, 20), st.booleans()), max_size=60),
)
def test_nobody_ever_holds_more_than_is_free(size: int, asked: list[tuple[str, int, bool]]) -> None:
    shares, held = Shares(size, "bytes"), {"a": 0, "b": 0, "c": 0}
    with ExitStack() as stack:
        for caller, amount, back in asked:
            if back and held[caller]:
                shares.give_back(caller, held[caller])
                held[caller] = 0
            elif shares.fits(caller, amount):
                shares.take(caller, amount)
                held[caller] += amount
                assert held[caller] <= size - sum(held.values())
            else:
                with pytest.raises(TooManyRequests):
                    stack.enter_context(shares.hold(caller, amount))
    for caller, amount in held.items():
        shares.take("d", 0)
        shares.give_back("d", 0)
        if amount:
            shares.give_back(caller, amount)
    assert shares.fits("a", size // 2)


def test_nothing_fits_where_all_is_taken_and_leaves_no_trace() -> None:
    shares = Shares(2, "places")
    shares.take("a")
    with shares.hold("a", 0), shares.hold("b", 0), shares.hold("b", 0):
        pass
    shares.give_back("a")
    assert shares.fits("b")
