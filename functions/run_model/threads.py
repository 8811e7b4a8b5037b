"""Threads for calls that may never return: a model's code, and requests to stores that do not answer."""

import asyncio
from collections.abc import Callable
from queue import SimpleQueue
from threading import Thread
from typing import Any, TypeVar

from functions.slots import Slots

T = TypeVar("T")


class CallTimeout(Exception):
    """A call did not return in time. ``ended`` is done when its thread is free again."""

    def __init__(self, seconds: float, ended: asyncio.Future[Any]) -> None:
        super().__init__(f"no answer within {seconds:g} s")
        self.ended = ended


class Threads:
    """Runs a number of calls at once (``places``), each in a thread of its own.

    A call that takes longer than `place_s` gives its place to the next one; a call that takes longer than `timeout_s`
    is given up. Its thread runs on, since Python cannot end it, and counts as hung until it returns.

    concurrent.futures has neither: a hung call keeps its place for ever there, and keeps the process from ending.
    """

    def __init__(
        self, name: str, places: int, timeout_s: float, place_s: float | None = None, wait_s: float | None = None
    ) -> None:
        self._name = name
        self._places = Slots(places, f"Every thread for a {name} is busy.", wait_s)
        self._max_idle = places
        self._timeout_s = timeout_s
        self._place_s = timeout_s if place_s is None else place_s
        self._idle: list[_Worker] = []
        self.hung = 0
        """Threads of calls that were given up and have not returned."""

    async def run(self, call: Callable[[], T], when_long: Callable[[], None] = lambda: None) -> T:
        """The value of `call`. `when_long` is called if it loses its place.

        Raises what it raises, CallTimeout, and Unavailable if there was no place within `wait_s`.
        """
        async with self._places:
            returned = self._start(call)
            await asyncio.wait((returned,), timeout=self._place_s)
        if not returned.done() and self._timeout_s > self._place_s:
            when_long()
            await asyncio.wait((returned,), timeout=self._timeout_s - self._place_s)
        if not returned.done():
            self.hung += 1
            returned.add_done_callback(self._hung_no_longer)
            raise CallTimeout(self._timeout_s, returned)
        return returned.result()

    def _start(self, call: Callable[[], T]) -> asyncio.Future[T]:
        worker = self._idle.pop() if self._idle else _Worker(self._name, self._is_free)
        returned: asyncio.Future[T] = worker.loop.create_future()
        returned.add_done_callback(_seen)
        worker.calls.put((call, returned))
        return returned

    def _is_free(self, worker: "_Worker") -> None:
        if len(self._idle) < self._max_idle:
            self._idle.append(worker)
        else:
            worker.calls.put(None)

    def _hung_no_longer(self, returned: asyncio.Future[Any]) -> None:
        self.hung -= 1


def _seen(returned: asyncio.Future[Any]) -> None:
    """Whoever waited may have been cancelled, or have given up: asyncio need not log that nobody saw the error."""
    if not returned.cancelled():
        returned.exception()


class _Worker:
    """A daemon thread: a hung one does not keep the process from ending."""

    def __init__(self, name: str, is_free: Callable[["_Worker"], None]) -> None:
        self.loop = asyncio.get_running_loop()
        self.calls: SimpleQueue[tuple[Callable[[], Any], asyncio.Future[Any]] | None] = SimpleQueue()
        self._is_free = is_free
        Thread(target=self._run, name=name, daemon=True).start()

    def _run(self) -> None:
        while (given := self.calls.get()) is not None:
            call, returned = given
            value = error = None
            try:
                value = call()
            except BaseException as raised:  # noqa: BLE001  # a model may raise anything, SystemExit among it
                error = raised
            try:
                self.loop.call_soon_threadsafe(self._returned, returned, value, error)
            except RuntimeError:  # the loop has ended, and the process with it
                return
            del given, call, returned, value, error  # an idle thread keeps no rows and no model in memory

    def _returned(self, returned: asyncio.Future[Any], value: Any, error: BaseException | None) -> None:
        self._is_free(self)
        if returned.cancelled():
            return
        if error is None:
            returned.set_result(value)
        elif isinstance(error, Exception) and not isinstance(error, StopIteration):
            returned.set_exception(error)
        else:  # it would end the event loop
            returned.set_exception(RuntimeError(f"{type(error).__name__} in a thread"))
