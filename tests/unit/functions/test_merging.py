import asyncio
import threading
from collections.abc import Sequence

import pytest

from functions.errors import InputRefused
from functions.run_model.merging import Merger


class Doubler:
    """Doubles each number, refuses negative ones, and notes what it was called with; `gate` holds its calls."""

    def __init__(self) -> None:
        self.calls: list[list[int]] = []
        self.gate = threading.Event()
        self.gate.set()
        self.called = threading.Event()

    def __call__(self, values: list[int]) -> list[int]:
        self.called.set()
        assert self.gate.wait(30)
        self.calls.append(values)
        if any(value < 0 for value in values):
            raise InputRefused("negative")
        return [2 * value for value in values]


def concatenate(values: Sequence[list[int]]) -> list[int]:
    return [number for value in values for number in value]


def merger(model: Doubler, max_rows: int = 100) -> Merger:
    return Merger(model, concatenate, max_rows=max_rows)


async def ask(merging: Merger, *values: list[int], key: object | None = "k") -> list[object]:
    asked = (merging.predict(value, len(value), key) for value in values)
    return list(await asyncio.gather(*asked, return_exceptions=True))


async def test_concurrent_predictions_are_one_call_and_each_gets_its_own() -> None:
    model = Doubler()
    assert await ask(merger(model), [1], [2, 3], [4]) == [[2], [4, 6], [8]]
    assert model.calls == [[1, 2, 3, 4]]


async def test_only_the_bad_one_fails() -> None:
    model = Doubler()
    good, bad, other = await ask(merger(model), [1], [-2], [3])
    assert (good, other) == ([2], [6])
    assert isinstance(bad, InputRefused)
    assert model.calls == [[1, -2, 3], [1], [-2], [3]]


async def test_different_keys_and_none_are_not_merged() -> None:
    model = Doubler()
    merging = merger(model)
    await asyncio.gather(merging.predict([1], 1, "a"), merging.predict([2], 1, "b"), merging.predict([3], 1, "a"))
    assert model.calls == [[1, 3], [2]]
    model.calls.clear()
    await ask(merging, [1], [2], key=None)
    assert model.calls == [[1], [2]]


async def test_the_row_limit_splits_and_a_larger_one_goes_alone() -> None:
    model = Doubler()
    answers = await ask(merger(model, max_rows=3), [1, 1], [2, 2, 2, 2], [3])
    assert answers == [[2, 2], [4, 4, 4, 4], [6]]
    assert model.calls == [[1, 1, 3], [2, 2, 2, 2]]


async def test_what_gathers_during_a_call_goes_into_the_next_one() -> None:
    model = Doubler()
    merging = merger(model)
    model.gate.clear()
    first = asyncio.create_task(merging.predict([1], 1, "k"))
    assert await asyncio.to_thread(model.called.wait, 30)
    rest = [asyncio.create_task(merging.predict([number], 1, "k")) for number in (2, 3)]
    await asyncio.sleep(0)  # they have asked
    model.gate.set()
    assert await asyncio.gather(first, *rest) == [[2], [4], [6]]
    assert model.calls == [[1], [2, 3]]


async def test_a_model_without_one_result_a_row_is_asked_for_each_alone() -> None:
    merging = Merger(lambda value: {"sum": sum(value)}, concatenate, max_rows=100)
    assert await ask(merging, [1, 2], [3]) == [{"sum": 3}, {"sum": 3}]


async def test_a_cancelled_one_does_not_disturb_the_others() -> None:
    model = Doubler()
    merging = merger(model)
    cancelled = asyncio.create_task(merging.predict([1], 1, "k"))
    kept = asyncio.create_task(merging.predict([2], 1, "k"))
    await asyncio.sleep(0)  # they have asked
    cancelled.cancel()
    assert await kept == [4]
    with pytest.raises(asyncio.CancelledError):
        await cancelled


async def test_inputs_that_cannot_be_concatenated_are_asked_for_alone() -> None:
    def refuse(values: Sequence[list[int]]) -> list[int]:
        raise TypeError("mixed")

    assert await ask(Merger(Doubler(), refuse, max_rows=100), [1], [2]) == [[2], [4]]


async def test_whatever_a_model_raises_reaches_who_asked() -> None:
    def fail(value: list[int]) -> list[int]:
        raise ZeroDivisionError

    outcomes = await ask(Merger(fail, concatenate, max_rows=100), [1], [2])
    assert [type(outcome) for outcome in outcomes] == [ZeroDivisionError, ZeroDivisionError]
