"""Concurrent callers that ask the same thing share one call."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

from cachetools import TTLCache

from functions import telemetry

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class SharedCalls(Generic[K, V]):
    """Joins a call that is under way, and keeps its value for `keep_s` seconds where `worth_keeping` says so.

    A failed call fails for all who joined it and is not kept.
    """

    def __init__(
        self, keep_s: float, max_kept: int = 10_000, worth_keeping: Callable[[V], bool] = lambda value: True
    ) -> None:
        self._kept: TTLCache[K, V] = TTLCache(maxsize=max_kept, ttl=keep_s)
        self._worth_keeping = worth_keeping
        self._running: dict[K, asyncio.Task[V]] = {}

    def __contains__(self, key: K) -> bool:
        return key in self._kept

    async def get(self, key: K, call: Callable[[], Awaitable[V]]) -> V:
        """The value of `key`. The call goes on when the caller that began it is cancelled: others may wait for it."""
        if key in self._kept:
            return self._kept[key]
        task = self._running.get(key)
        if task is None:
            task = asyncio.ensure_future(self._call(key, call))
            self._running[key] = task
            task.add_done_callback(lambda done: self._finished(key, done))
            telemetry.active.began(task)
        else:
            telemetry.active.joined(task)
        return await asyncio.shield(task)

    def kept(self, key: K) -> V | None:
        """The value of `key` if one is kept."""
        try:
            return self._kept[key]
        except KeyError:
            return None

    def keep(self, key: K, value: V) -> None:
        """Remember a value that was learnt in another way."""
        self._kept[key] = value

    def forget(self, key: K) -> None:
        self._kept.pop(key, None)

    async def _call(self, key: K, call: Callable[[], Awaitable[V]]) -> V:
        value = await call()
        if self._worth_keeping(value):
            self._kept[key] = value
        return value

    def _finished(self, key: K, task: asyncio.Task[V]) -> None:
        del self._running[key]
        if not task.cancelled():
            task.exception()  # seen: every caller may have been cancelled
