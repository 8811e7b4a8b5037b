"""Concurrent predictions of one model become one call of its ``predict``. Knows nothing of MLflow."""

import asyncio
import logging
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NamedTuple, Protocol

from functions import telemetry
from functions.contracts import JsonText
from functions.errors import DeadlineExceeded, PredictionTimeout, Unavailable
from functions.run_model.independence import Proof, Scored, difference, order_difference
from functions.run_model.threads import CallTimeout, Threads

logger = logging.getLogger(__name__)

SLOW_S = 1.0
"""A model whose last call took so long is slow."""
MAX_WAITING_WHILE_SLOW = 8
"""Requests that wait for a slow model; more are put off, so that their messages leave their places to other models."""
MAX_WAIT_S = 60.0
"""A request that has waited so long is put off: the host bounds how long its message may be held."""
CHECK_S = 10.0
"""How long the check of a merged call may take: one call for each of its requests, each as long as the last call."""
RETRY_AFTER_S = 60


class Answer(NamedTuple):
    """A result as JSON, and the columns that the model does not know."""

    result: JsonText
    ignored_columns: tuple[str, ...] = ()


class Model(Protocol):
    """The model as the merger uses it. Both methods block and run in a thread."""

    def score(self, rows: Any) -> Scored:
        """The prediction for rows. Raises OnDemandError."""

    def encode(self, scored: Scored, sizes: Sequence[int] | None = None) -> list[Answer]:
        """The answer, or one answer for each of the parts of so many rows. Raises OnDemandError."""


@dataclass
class _Asked:
    rows: Any
    size: int
    key: object | None
    until: float
    at: float = field(default_factory=time.monotonic)
    step: object = field(default_factory=lambda: telemetry.active.current())
    answer: asyncio.Future[Answer] = field(default_factory=lambda: asyncio.get_running_loop().create_future())


class Merger:
    """Merges requests that arrive at once or while a call is running. No request waits for others to merge with.

    Only inputs of the same key are merged, up to `max_rows` rows, and only while `proof` holds. If the merged call
    fails, or does not give one result a row, each is tried alone, so only the bad one fails. One call of the model runs
    at a time. A request that nobody waits for any more, or whose deadline has passed, is not computed.
    """

    def __init__(
        self,
        model: Model,
        proof: Proof,
        concatenate: Callable[[Sequence[Any]], Any],
        max_rows: int,
        threads: Threads,
        last_call_s: float = math.inf,
        name: str = "the model",
    ) -> None:
        self._name = name
        self._model = model
        self._proof = proof
        self._concatenate = concatenate
        self._max_rows = max_rows
        self._threads = threads
        self._waiting: list[_Asked] = []
        self._task: asyncio.Task[None] | None = None
        self._hangs: CallTimeout | None = None
        self._runs_long = False
        self._last_call_s = last_call_s  # not known: the first request goes alone

    async def predict(self, rows: Any, size: int = 1, key: object | None = None, until: float = math.inf) -> Answer:
        """The prediction for `rows`, which are `size` many; without a key they go alone. It begins before `until`.

        Raises what the model raised for these rows alone, DeadlineExceeded, PredictionTimeout for a model that hangs,
        and Unavailable for a slow one for which enough requests wait.
        """
        if self._hangs is not None:
            if not self._hangs.ended.done():
                raise _hanging(self._hangs)
            self._hangs = None
        if self._runs_long and len(self._waiting) >= MAX_WAITING_WHILE_SLOW:
            raise _slow()
        asked = _Asked(rows, size, key, until)
        self._waiting.append(asked)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run())
        return await asked.answer

    async def _run(self) -> None:
        while group := self._take_group():
            try:
                with telemetry.active.call(group):
                    outcomes = await self._threads.run(partial(self._answer, group), self._now_long)
            except CallTimeout as error:
                logger.error("a prediction of %s for %d requests hangs: %s", self._name, len(group), error)
                self._hangs = error
                self._refuse(group + self._waiting, _hanging(error))
                self._waiting = []
            except BaseException as error:  # whatever it is, nobody may wait for ever
                self._refuse(group, error)
                if not isinstance(error, Exception):
                    raise
            else:
                self._resolve(group, outcomes)
            self._runs_long = self._last_call_s > SLOW_S

    def _now_long(self) -> None:
        """A call is running that takes long: the requests that wait for the next ones are put off, but for some."""
        self._runs_long = True
        self._refuse(self._waiting[MAX_WAITING_WHILE_SLOW:], _slow())
        del self._waiting[MAX_WAITING_WHILE_SLOW:]

    def _take_group(self) -> list[_Asked]:
        """The oldest one and those that can join it."""
        waiting = self._still_wanted()
        group, rest, size = waiting[:1], [], sum(asked.size for asked in waiting[:1])
        most = self._most_together()
        for asked in waiting[1:]:
            if len(group) < most and self._may_join(group[0], asked, size):
                group.append(asked)
                size += asked.size
            else:
                rest.append(asked)
        self._waiting = rest
        return group

    def _still_wanted(self) -> list[_Asked]:
        """Of the requests that wait those whose client still does; the others are told why they are not computed."""
        now = time.monotonic()
        wanted = []
        for asked in self._waiting:
            if asked.answer.done():
                continue
            if asked.until <= now:
                self._refuse([asked], DeadlineExceeded("The request was not answered before its deadline."))
            elif now - asked.at > MAX_WAIT_S:
                self._refuse([asked], _slow())
            else:
                wanted.append(asked)
        return wanted

    def _most_together(self) -> float:
        """How many requests may share the next call."""
        checked = max(CHECK_S / max(self._last_call_s, 1e-6), 1)
        return checked if self._proof.is_new or checked == 1 else math.inf

    def _may_join(self, first: _Asked, asked: _Asked, size: int) -> bool:
        same_key = asked.key is not None and asked.key == first.key
        return same_key and self._proof.off is None and size + asked.size <= self._max_rows

    def _answer(self, group: list[_Asked]) -> list[Answer | BaseException] | None:
        """None where each is to be tried alone."""
        began = time.monotonic()
        try:
            if len(group) == 1:
                scored = self._score(group[0].rows)
                self._last_call_s = time.monotonic() - began
                return [self._encoded(scored)]
            merged = self._model.score(self._concatenate([asked.rows for asked in group]))
            self._last_call_s = time.monotonic() - began
            return self._checked(group, merged)
        except BaseException as error:  # noqa: BLE001  # each is tried alone, and then says why it failed
            logger.info("a merged prediction failed with %s; trying each alone", type(error).__name__)
            return None

    def _checked(self, group: list[_Asked], merged: Scored) -> list[Answer | BaseException] | None:
        """The answers of a merged call; None where the merged result may not be used."""
        sizes = [asked.size for asked in group]
        if reason := difference(merged, sizes, {}):
            self._proof.disprove(reason)
            return None
        checked = self._proof.parts_to_check(len(group))
        if not checked:
            return list(self._model.encode(merged, sizes))
        alone = {number: self._score(group[number].rows) for number in checked}
        if reason := self._disproof(group, merged, sizes, alone):
            self._proof.disprove(reason)
            return None
        answers: list[Answer | BaseException] = list(self._model.encode(merged, sizes))
        for number, scored in alone.items():
            answers[number] = self._encoded(scored)
        return answers

    def _disproof(
        self,
        group: list[_Asked],
        merged: Scored,
        sizes: list[int],
        alone: dict[int, Scored | BaseException],
    ) -> str | None:
        scored = {number: each for number, each in alone.items() if isinstance(each, Scored)}
        if len(scored) < len(alone):
            return "rows that fail alone do not fail together"
        if reason := difference(merged, sizes, scored):
            return reason
        backwards = self._model.score(self._concatenate([asked.rows for asked in reversed(group)]))
        return order_difference(merged, sizes, backwards)

    def _score(self, rows: Any) -> Scored | BaseException:
        try:
            return self._model.score(rows)
        except BaseException as error:  # noqa: BLE001  # raised again by `predict`
            return error

    def _encoded(self, scored: Scored | BaseException) -> Answer | BaseException:
        if isinstance(scored, BaseException):
            return scored
        try:
            return self._model.encode(scored)[0]
        except BaseException as error:  # noqa: BLE001  # raised again by `predict`
            return error

    def _resolve(self, group: list[_Asked], outcomes: list[Answer | BaseException] | None) -> None:
        if outcomes is None:
            for asked in group:
                asked.key = None
            self._waiting[:0] = group
            return
        for asked, outcome in zip(group, outcomes, strict=True):
            if isinstance(outcome, BaseException):
                self._refuse([asked], outcome)
            elif not asked.answer.done():
                asked.answer.set_result(outcome)

    def _refuse(self, group: Sequence[_Asked], error: BaseException) -> None:
        if not isinstance(error, Exception) or isinstance(error, StopIteration):
            # Not to be raised in the event loop, which it would end.
            error = RuntimeError(f"{type(error).__name__} while predicting")
        for asked in group:
            if not asked.answer.done():
                asked.answer.set_exception(error)


def _hanging(error: CallTimeout) -> PredictionTimeout:
    return PredictionTimeout(
        f"The model has not returned from a prediction ({error}). It is not asked again before it does.",
        retry_after=RETRY_AFTER_S,
    )


def _slow() -> Unavailable:
    return Unavailable("The model takes long for a prediction, and enough requests wait for it.")
