import asyncio
import math
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import orjson
import pandas as pd
import pytest

from functions import telemetry
from functions.contracts import JsonText
from functions.errors import DeadlineExceeded, InputRefused, PredictionTimeout, Unavailable
from functions.run_model.independence import FIRST_MERGES, Proof, Scored, bounds
from functions.run_model.json_values import json_value
from functions.run_model.merging import CHECK_S, MAX_WAITING_WHILE_SLOW, Answer, Merger
from functions.run_model.row_results import row_count
from functions.run_model.threads import Threads
from functions.telemetry.names import CALL_ROWS
from tests.unit.functions.recording import Recording, id_of, links_of, parent_of


class Doubler:
    """Doubles each number, refuses negative ones, and notes what it was called with; `gate` holds its calls."""

    def __init__(self, predict: Callable[[list[Any]], Any] = lambda rows: 2 * np.array(rows)) -> None:
        self.calls: list[list[int]] = []
        self.gate = threading.Event()
        self.gate.set()
        self.called = threading.Event()
        self._predict = predict

    def score(self, rows: list[int]) -> Scored:
        self.called.set()
        assert self.gate.wait(30)
        self.calls.append(rows)
        if any(value < 0 for value in rows):
            raise InputRefused("negative")
        result = self._predict(rows)
        return Scored(result, row_count(result))

    def encode(self, scored: Scored, sizes: Sequence[int] | None = None) -> list[Answer]:
        values = json_value(scored.result)
        parts = [values] if sizes is None else [values[start:stop] for start, stop in bounds(sizes)]
        return [Answer(JsonText(orjson.dumps(part))) for part in parts]


def proven() -> Proof:
    proof = Proof(None)
    for _ in range(FIRST_MERGES):
        proof.parts_to_check(1)
    return proof


def concatenate(values: Sequence[list[int]]) -> list[int]:
    return [number for value in values for number in value]


def merger(
    model: Doubler,
    max_rows: int = 100,
    proof: Proof | None = None,
    *,
    concatenate: Callable[[Sequence[list[int]]], list[int]] = concatenate,
    threads: Threads | None = None,
    last_call_s: float = 0.0,
) -> Merger:
    threads = threads or Threads("predict", 4, 30)
    return Merger(model, proof or proven(), concatenate, max_rows, threads, last_call_s)


async def ask(merging: Merger, *values: list[int], key: object | None = "k") -> list[Any]:
    asked = (merging.predict(value, len(value), key) for value in values)
    answers = await asyncio.gather(*asked, return_exceptions=True)
    return [orjson.loads(bytes(each.result)) if isinstance(each, Answer) else each for each in answers]


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


async def test_requests_that_gather_during_a_call_go_into_the_next_one() -> None:
    model = Doubler()
    merging = merger(model)
    model.gate.clear()
    first = asyncio.create_task(merging.predict([1], 1, "k"))
    assert await asyncio.to_thread(model.called.wait, 30)
    rest = [asyncio.create_task(merging.predict([number], 1, "k")) for number in (2, 3)]
    await asyncio.sleep(0)  # they have asked
    model.gate.set()
    answers = await asyncio.gather(first, *rest)
    assert [orjson.loads(bytes(answer.result)) for answer in answers] == [[2], [4], [6]]
    assert model.calls == [[1], [2, 3]]


async def test_a_cancelled_one_does_not_disturb_the_others() -> None:
    model = Doubler()
    merging = merger(model)
    cancelled = asyncio.create_task(merging.predict([1], 1, "k"))
    kept = asyncio.create_task(merging.predict([2], 1, "k"))
    await asyncio.sleep(0)  # they have asked
    cancelled.cancel()
    assert (await kept).result == b"[4]"
    with pytest.raises(asyncio.CancelledError):
        await cancelled


async def test_inputs_that_cannot_be_concatenated_are_asked_for_alone() -> None:
    def refuse(values: Sequence[list[int]]) -> list[int]:
        raise TypeError("mixed")

    model = Doubler()
    merging = merger(model, concatenate=refuse)
    assert await ask(merging, [1], [2]) == [[2], [4]]


@pytest.mark.parametrize("error", [ZeroDivisionError(), SystemExit(3), KeyboardInterrupt(), StopIteration()])
async def test_every_exception_of_a_model_reaches_its_caller(error: BaseException) -> None:
    def fail(rows: list[int]) -> object:
        raise error

    outcomes = await ask(merger(Doubler(fail)), [1], [2])
    assert all(isinstance(outcome, ZeroDivisionError | RuntimeError) for outcome in outcomes)
    assert await ask(merger(Doubler()), [1]) == [[2]]  # the event loop goes on


def batch_mean(rows: list[int]) -> Any:
    return np.array(rows) - np.mean(rows)


def by_output(rows: list[int]) -> Any:
    """As predict_proba of several outputs: a list of arrays, one an output."""
    return [2 * np.array(rows), 3 * np.array(rows)]


def forecast(rows: list[int]) -> Any:
    return rows[0] + np.array([1, 2, 3])


def sorted_series(rows: list[int]) -> Any:
    return pd.Series(rows).sort_values()


def sorted_array(rows: list[int]) -> Any:
    return np.sort(rows)


def distinct(rows: list[int]) -> Any:
    return np.unique(rows)


@pytest.mark.parametrize("predict", [batch_mean, by_output, forecast, sorted_series, sorted_array, distinct])
@pytest.mark.parametrize("values", [([30], [10], [20]), ([3], [1]), ([3, 1], [2, 2], [1])])
async def test_merging_never_changes_an_answer(predict: Callable[[list[int]], Any], values: tuple[list[int]]) -> None:
    told: list[str] = []
    proof = Proof(None, told.append)
    merging = merger(Doubler(predict), proof=proof)
    alone = [(await ask(merging, value, key=None))[0] for value in values]
    assert await ask(merging, *values) == alone
    assert proof.off is not None
    assert told == [proof.off]


async def test_a_disproved_model_is_asked_for_each_alone() -> None:
    model = Doubler(batch_mean)
    merging = merger(model, proof=Proof(None))
    await ask(merging, [1], [3])
    model.calls.clear()
    await ask(merging, [1], [3])
    assert model.calls == [[1], [3]]


async def test_the_first_merged_calls_are_checked_and_later_ones_are_not() -> None:
    model = Doubler()
    merging = merger(model, proof=Proof(None))
    for _ in range(FIRST_MERGES):
        model.calls.clear()
        assert await ask(merging, [1], [2]) == [[2], [4]]
        assert model.calls == [[1, 2], [1], [2], [2, 1]]
    model.calls.clear()
    assert await ask(merging, [1], [2]) == [[2], [4]]
    assert model.calls == [[1, 2]]


async def test_a_model_that_changes_its_ways_is_found_out_by_a_sample() -> None:
    model = Doubler()
    proof = proven()
    merging = merger(model, proof=proof)
    assert await ask(merging, [1], [2]) == [[2], [4]]
    model._predict = batch_mean
    while proof.off is None:
        await ask(merging, [1], [3])
    assert await ask(merging, [1], [3]) == [[0.0], [0.0]]


async def test_a_merged_result_that_has_no_json_fails_alone() -> None:
    class Unwritable(Doubler):
        def encode(self, scored: Scored, sizes: Sequence[int] | None = None) -> list[Answer]:
            if 6 in scored.result:
                raise InputRefused("six")
            return super().encode(scored, sizes)

    good, bad = await ask(merger(Unwritable()), [1], [3])
    assert good == [2]
    assert isinstance(bad, InputRefused)


async def test_rows_that_fail_alone_but_not_together_turn_merging_off() -> None:
    class Tolerant(Doubler):
        def score(self, rows: list[int]) -> Scored:
            if rows == [5]:
                raise InputRefused("five alone")
            return super().score(rows)

    proof = Proof(None)
    good, bad = await ask(merger(Tolerant(), proof=proof), [1], [5])
    assert good == [2]
    assert isinstance(bad, InputRefused)
    assert proof.off == "rows that fail alone do not fail together"


async def hang(merging: Merger, model: Doubler) -> None:
    """A call that does not return before its time is over."""
    model.gate.clear()
    with pytest.raises(PredictionTimeout, match="has not returned"):
        await merging.predict([1], 1, "k")


async def test_hanging_model_is_refused_at_once_until_its_thread_ends() -> None:
    model, threads = Doubler(), Threads("predict", 1, 0.05)
    merging = merger(model, threads=threads)
    await hang(merging, model)
    for _ in range(3):
        with pytest.raises(PredictionTimeout):
            await merging.predict([2], 1, "k")
    assert model.calls == []
    assert threads.hung == 1
    model.gate.set()
    while threads.hung:
        await asyncio.to_thread(model.gate.wait)
    assert await ask(merging, [3]) == [[6]]
    assert model.calls == [[1], [3]]


async def test_requests_behind_a_call_that_hangs_are_refused_with_it() -> None:
    model = Doubler()
    merging = merger(model, threads=Threads("predict", 1, 0.05))
    model.gate.clear()
    outcomes = await ask(merging, [1], [2], [3], key=None)
    assert [type(outcome) for outcome in outcomes] == [PredictionTimeout] * 3
    model.gate.set()


async def test_many_hanging_models_hold_up_no_other() -> None:
    threads = Threads("predict", 2, 0.05)
    hanging = [Doubler() for _ in range(7)]
    for model in hanging:
        await hang(merger(model, threads=threads), model)
    assert threads.hung == 7
    assert await ask(merger(Doubler(), threads=threads), [1]) == [[2]]
    for model in hanging:
        model.gate.set()


async def test_while_a_call_takes_long_a_few_requests_wait_and_the_others_are_put_off() -> None:
    model = Doubler()
    merging = merger(model, threads=Threads("predict", 1, 30, place_s=0))
    model.gate.clear()
    waiting = [asyncio.create_task(merging.predict([number], 1, None)) for number in range(20)]
    put_off = waiting[1 + MAX_WAITING_WHILE_SLOW :]
    await asyncio.wait(put_off)
    assert all(isinstance(each.exception(), Unavailable) for each in put_off)
    with pytest.raises(Unavailable, match="takes long"):
        await merging.predict([1], 1, None)
    model.gate.set()
    answers = await asyncio.gather(*waiting[: 1 + MAX_WAITING_WHILE_SLOW])
    assert [orjson.loads(bytes(each.result)) for each in answers] == [[2 * n] for n in range(len(answers))]


async def test_a_cancelled_one_is_not_computed() -> None:
    model = Doubler()
    merging = merger(model)
    model.gate.clear()
    first = asyncio.create_task(merging.predict([1], 1, None))
    assert await asyncio.to_thread(model.called.wait, 30)
    cancelled, kept = (asyncio.create_task(merging.predict([number], 1, None)) for number in (2, 3))
    await asyncio.sleep(0)  # they have asked
    cancelled.cancel()
    model.gate.set()
    await asyncio.gather(first, kept)
    assert model.calls == [[1], [3]]


async def test_one_past_its_deadline_is_not_computed() -> None:
    model = Doubler()
    with pytest.raises(DeadlineExceeded):
        await merger(model).predict([1], until=time.monotonic())
    assert model.calls == []


async def test_predictions_without_a_thread_are_put_off_and_later_ones_are_computed() -> None:
    """However many models are busy, none of them brings a message near the end of the host's patience."""
    threads = Threads("predict", 1, 30, place_s=30, wait_s=0.05)
    busy, other = Doubler(), Doubler()
    busy.gate.clear()
    first = asyncio.create_task(ask(merger(busy, threads=threads), [1]))
    assert await asyncio.to_thread(busy.called.wait, 30)
    waiting = merger(other, threads=threads)
    assert [type(answer) for answer in await ask(waiting, [2], [3])] == [Unavailable, Unavailable]
    busy.gate.set()
    assert await first == [[2]]
    assert await ask(waiting, [4]) == [[8]]
    assert other.calls == [[4]]


async def test_one_that_has_waited_too_long_is_put_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("functions.run_model.merging.MAX_WAIT_S", -1.0)
    model = Doubler()
    with pytest.raises(Unavailable):
        await merger(model).predict([1])
    assert model.calls == []


@pytest.mark.parametrize(("last_call_s", "together"), [(0.0, 20), (CHECK_S / 5, 5), (CHECK_S * 2, 1)])
async def test_a_merge_that_is_checked_takes_no_longer_than_its_time(last_call_s: float, together: int) -> None:
    model = Doubler()
    await ask(merger(model, proof=Proof(None), last_call_s=last_call_s), *[[number] for number in range(20)])
    assert len(model.calls[0]) == together


async def test_the_first_request_of_a_model_that_was_never_tried_goes_alone() -> None:
    model = Doubler()
    await ask(merger(model, last_call_s=math.inf), [1], [2], [3])
    assert model.calls == [[1], [2, 3]]


async def test_requests_of_a_merged_call_are_linked_to_it(recorded: Recording) -> None:
    merging = merger(Doubler())

    async def predict(rows: list[int]) -> None:
        with telemetry.active.step("predict", "wine"):
            await merging.predict(rows, len(rows), "k")

    await asyncio.gather(predict([1]), predict([2, 3]))
    call = recorded.span("call")
    first, second = (span for span in recorded.spans if span.name == "predict")
    assert parent_of(call) == id_of(first)
    assert links_of(call) == {id_of(second)}
    assert links_of(second) == {id_of(call)}
    assert recorded.values(CALL_ROWS) == [({}, 3)]
