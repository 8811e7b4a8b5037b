"""Concurrent predictions of one model become one call of its ``predict``. Knows nothing of MLflow."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

from functions.contracts import JsonText
from functions.run_model.independence import Proof, Scored, difference, order_difference

logger = logging.getLogger(__name__)


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
    answer: asyncio.Future[Answer] = field(default_factory=lambda: asyncio.get_running_loop().create_future())


class Merger:
    """Merges requests that arrive at once or while a call is running. No request waits for others to merge with.

    Only inputs of the same key are merged, up to `max_rows` rows, and only while `proof` holds. If the merged call
    fails, or does not give one result a row, each is tried alone, so only the bad one fails.
    """

    def __init__(self, model: Model, proof: Proof, concatenate: Callable[[Sequence[Any]], Any], max_rows: int) -> None:
        self._model = model
        self._proof = proof
        self._concatenate = concatenate
        self._max_rows = max_rows
        self._waiting: list[_Asked] = []
        self._task: asyncio.Task[None] | None = None

    async def predict(self, rows: Any, size: int = 1, key: object | None = None) -> Answer:
        """The prediction for `rows`, which are `size` many; without a key they go alone.

        Raises what the model raised for these rows alone.
        """
        asked = _Asked(rows, size, key)
        self._waiting.append(asked)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run())
        return await asked.answer

    async def _run(self) -> None:
        while self._waiting:
            group = self._take_group()
            try:
                outcomes = await asyncio.to_thread(self._answer, group)
            except BaseException as error:  # whatever it is, nobody may wait for ever
                for asked in group:
                    _resolve(asked, error)
                if not isinstance(error, Exception):
                    raise
                continue
            for asked, outcome in zip(group, outcomes, strict=True):
                _resolve(asked, outcome)

    def _take_group(self) -> list[_Asked]:
        """The oldest one and those that can join it."""
        group, rest, size = [self._waiting[0]], [], self._waiting[0].size
        for asked in self._waiting[1:]:
            if self._may_join(group[0], asked, size):
                group.append(asked)
                size += asked.size
            else:
                rest.append(asked)
        self._waiting = rest
        return group

    def _may_join(self, first: _Asked, asked: _Asked, size: int) -> bool:
        same_key = asked.key is not None and asked.key == first.key
        return same_key and self._proof.off is None and size + asked.size <= self._max_rows

    def _answer(self, group: list[_Asked]) -> list[Answer | BaseException]:
        if len(group) > 1:
            try:
                if (answers := self._answer_merged(group)) is not None:
                    return answers
            except BaseException as error:  # noqa: BLE001  # each is tried alone, and then says why it failed
                logger.info("a merged prediction failed with %s; trying each alone", type(error).__name__)
        return [self._encoded(self._score(asked.rows)) for asked in group]

    def _answer_merged(self, group: list[_Asked]) -> list[Answer | BaseException] | None:
        """None where the merged result may not be used."""
        sizes = [asked.size for asked in group]
        merged = self._model.score(self._concatenate([asked.rows for asked in group]))
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


def _resolve(asked: _Asked, outcome: Answer | BaseException) -> None:
    if asked.answer.done():
        return
    if isinstance(outcome, Answer):
        asked.answer.set_result(outcome)
    elif isinstance(outcome, Exception) and not isinstance(outcome, StopIteration):
        asked.answer.set_exception(outcome)
    else:  # not to be raised in the event loop, which it would end
        asked.answer.set_exception(RuntimeError(f"{type(outcome).__name__} while predicting"))
