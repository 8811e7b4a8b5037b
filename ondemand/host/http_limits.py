"""``maxOutstandingRequests`` and ``maxConcurrentRequests`` of host.json."""

import asyncio
from dataclasses import dataclass


class TooManyRequestsError(Exception):
    """As many requests as ``maxOutstandingRequests`` are running or waiting already."""


class RequestLimits:
    """Admits ``maxOutstandingRequests`` at a time and runs ``maxConcurrentRequests`` of them."""

    def __init__(self, max_outstanding: int | None, max_concurrent: int | None) -> None:
        self._outstanding = 0
        self._max_outstanding = max_outstanding
        self._running = None if max_concurrent is None else asyncio.Semaphore(max_concurrent)

    async def place(self) -> "Place":
        """A context that holds a place while a request is served. It tells if the request had to wait for one.

        Raises TooManyRequestsError if there is no place to wait, either.
        """
        if self._max_outstanding is not None and self._outstanding >= self._max_outstanding:
            raise TooManyRequestsError
        self._outstanding += 1
        waits = self._running is not None and self._running.locked()
        try:
            if self._running is not None:
                await self._running.acquire()
        except BaseException:  # a cancellation
            self._outstanding -= 1
            raise
        return Place(self, waits)

    def give_back(self) -> None:
        self._outstanding -= 1
        if self._running is not None:
            self._running.release()


@dataclass(slots=True)
class Place:
    """See `RequestLimits.place`. `asynccontextmanager` takes five times as long."""

    limits: RequestLimits
    waited: bool

    def __enter__(self) -> bool:
        return self.waited

    def __exit__(self, *error: object) -> None:
        self.limits.give_back()
