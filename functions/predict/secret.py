"""The secret that all instances of predict share, and what it signs."""

import asyncio
import hmac
import logging
import os
import time
from collections.abc import Awaitable, Callable
from functools import lru_cache
from hashlib import sha256
from typing import TypeVar

from pydantic import SecretStr

from functions.errors import Unavailable
from functions.operations import Operations
from functions.shared_calls import SharedCalls

T = TypeVar("T")
logger = logging.getLogger(__name__)

WRITE_EVERY_S, WRITE_AGAIN_S = 12 * 3600.0, 600.0
TIMEOUT_S = 5.0


def tag(secret: bytes, purpose: str, *parts: str) -> bytes:
    """32 bytes that only an instance can compute. A part must not contain a null character, except the last."""
    signed = _hmac(secret).copy()  # each request needs two of them, and a new one takes three times as long
    signed.update("\0".join((purpose, *parts)).encode())
    return signed.digest()


@lru_cache(2)
def _hmac(secret: bytes) -> hmac.HMAC:
    return hmac.new(secret, digestmod="sha256")


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
        """Read the secret, or write it again if it is time. Raises Unavailable for a secret that was never read."""
        value, now = await self.value(), self._clock()
        if now >= self._write_at:
            self._write_at = now + WRITE_EVERY_S
            try:
                await _soon(self._operations.put_secret(value))
            except Unavailable as error:  # the secret is known, so nobody has to wait for the store
                logger.warning("the secret of operation ids is not written again yet: %s", error)
                self._write_at = now + WRITE_AGAIN_S

    async def _read(self) -> bytes:
        value = await _soon(self._operations.shared_secret(os.urandom(32)))
        self._write_at = self._clock()  # it may be days old
        return value


async def _soon(call: Awaitable[T]) -> T:
    """Raises Unavailable."""
    try:
        async with asyncio.timeout(TIMEOUT_S):
            return await call
    except TimeoutError as error:
        raise Unavailable("The operation store cannot be reached; try again in a moment.") from error
