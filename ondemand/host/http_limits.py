"""``maxOutstandingRequests`` and ``maxConcurrentRequests`` of host.json."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class TooManyRequestsError(Exception):
    """As many requests as ``maxOutstandingRequests`` are running or waiting already."""


class RequestLimits:
    """Admits ``maxOutstandingRequests`` at a time and runs ``maxConcurrentRequests`` of them."""

    def __init__(self, max_outstanding: int | None, max_concurrent: int | None) -> None:
        self._outstanding = 0
        self._max_outstanding = max_outstanding
        self._running = None if max_concurrent is None else asyncio.Semaphore(max_concurrent)

    @asynccontextmanager
    async def admit(self) -> AsyncIterator[bool]:
        """Hold a place while a request is served, and tell if it had to wait for one.

        Raises TooManyRequestsError if there is no place to wait, either.
        """
        if self._max_outstanding is not None and self._outstanding >= self._max_outstanding:
            raise TooManyRequestsError
        self._outstanding += 1
        try:
            if self._running is None:
                yield False
                return
            waits = self._running.locked()
            async with self._running:
                yield waits
        finally:
            self._outstanding -= 1
