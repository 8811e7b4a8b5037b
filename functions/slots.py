"""A semaphore that is not waited for without end."""

import asyncio
from typing import Literal

from functions.errors import Unavailable


class Slots(asyncio.Semaphore):
    """So many at once. One more waits for `wait_s` at most, and then raises Unavailable: `busy` says why."""

    def __init__(self, count: int, busy: str, wait_s: float | None) -> None:
        super().__init__(count)
        self._busy = busy
        self._wait_s = wait_s

    async def acquire(self) -> Literal[True]:
        if not self.locked():
            return await super().acquire()
        try:
            async with asyncio.timeout(self._wait_s):
                return await super().acquire()
        except TimeoutError:
            raise Unavailable(self._busy) from None
