"""The secret that all instances of predict share, and what it signs."""

import asyncio
import hmac
import os
import time
from collections.abc import Callable
from hashlib import sha256

from pydantic import SecretStr

from functions.errors import Unavailable
from functions.operations import Operations
from functions.shared_calls import SharedCalls

WRITE_EVERY_S = 12 * 3600.0
TIMEOUT_S = 5.0


def tag(secret: bytes, purpose: str, *parts: str) -> bytes:
    """32 bytes that only an instance can compute. A part must not contain a null character, except the last."""
    return hmac.digest(secret, "\0".join((purpose, *parts)).encode(), "sha256")


class Secret:
    """The value of a setting, else a random one that the first instance leaves in the operation store.

    It is written again twice a day: a lifecycle rule deletes what was not written for days.
    """

    def __init__(
        self, operations: Operations, configured: SecretStr | None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._operations = operations
        self._clock = clock
        self._value = None if configured is None else sha256(configured.get_secret_value().encode()).digest()
        self._write_at = float("inf")
        self._reading: SharedCalls[str, bytes] = SharedCalls(keep_s=0)

    async def value(self) -> bytes:
        """From memory, but for the first time. Raises Unavailable."""
        if self._value is None:
            self._value = await self._reading.get("secret", self._read)
        return self._value

    async def keep(self) -> None:
        """Read the secret, or write it again if it is time. Raises Unavailable."""
        value = await self.value()
        if self._clock() >= self._write_at:
            await self._operations.put_secret(value)
            self._write_at = self._clock() + WRITE_EVERY_S

    async def _read(self) -> bytes:
        try:
            async with asyncio.timeout(TIMEOUT_S):
                value = await self._operations.shared_secret(os.urandom(32))
        except TimeoutError as error:
            raise Unavailable("The operation store cannot be reached; try again in a moment.") from error
        self._write_at = self._clock()  # it may be days old
        return value
