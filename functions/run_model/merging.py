"""Concurrent predictions of one model become one call of its ``predict``. Knows nothing of MLflow."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

logger = logging.getLogger(__name__)


@dataclass
class _Asked:
    value: Any
    rows: int
    key: object | None
    answer: asyncio.Future[Any] = field(default_factory=lambda: asyncio.get_running_loop().create_future())


class Merger:
    """Merges what is asked at once, and all that gathers while a call is running; nobody waits for company.

    Only inputs of the same key are merged, up to `max_rows` rows. If the merged call fails, or does not give one result
    a row, each is tried alone, so only the bad one fails.

    ``predict(value)`` and ``concatenate(values)`` run in a thread.
    """

    def __init__(
        self,
        predict: Callable[[Any], Any],
        concatenate: Callable[[Sequence[Any]], Any],
        max_rows: int,
    ) -> None:
        self._predict = predict
        self._concatenate = concatenate
        self._max_rows = max_rows
        self._waiting: list[_Asked] = []
        self._task: asyncio.Task[None] | None = None

    async def predict(self, value: Any, rows: int = 1, key: object | None = None) -> Any:
        """The prediction for `value`, which has `rows` rows; without a key it goes alone.

        Raises what ``predict`` raised for this value alone.
        """
        asked = _Asked(value, rows, key)
        self._waiting.append(asked)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run())
        return await asked.answer

    async def _run(self) -> None:
        while self._waiting:
            group = self._take_group()
            outcomes = await asyncio.to_thread(self._answer, group)
            for asked, outcome in zip(group, outcomes, strict=True):
                if asked.answer.done():
                    continue
                if isinstance(outcome, Exception):
                    asked.answer.set_exception(outcome)
                else:
                    asked.answer.set_result(outcome)

    def _take_group(self) -> list[_Asked]:
        """The oldest one and those that can join it."""
        group, rest, rows = [self._waiting[0]], [], self._waiting[0].rows
        for asked in self._waiting[1:]:
            fits = asked.key is not None and asked.key == group[0].key and rows + asked.rows <= self._max_rows
            if fits:
                group.append(asked)
                rows += asked.rows
            else:
                rest.append(asked)
        self._waiting = rest
        return group

    def _answer(self, group: list[_Asked]) -> list[Any]:
        if len(group) > 1:
            try:
                together = self._predict(self._concatenate([asked.value for asked in group]))
            except Exception as error:  # noqa: BLE001  # each is tried alone, and then says why it failed
                logger.info("a merged prediction failed; trying each alone: %s", str(error)[:200])
            else:
                if isinstance(together, list) and len(together) == sum(asked.rows for asked in group):
                    return _split(together, [asked.rows for asked in group])
        return [self._answer_alone(asked) for asked in group]

    def _answer_alone(self, asked: _Asked) -> Any:
        try:
            return self._predict(asked.value)
        except Exception as error:  # noqa: BLE001  # raised again by `predict`
            return error


def _split(results: list[Any], sizes: Sequence[int]) -> list[list[Any]]:
    parts, start = [], 0
    for size in sizes:
        parts.append(results[start : start + size])
        start += size
    return parts
