"""Cancelling a task for good."""

import asyncio
from typing import Any

CANCEL_AGAIN_S = 1.0


async def cancel(task: asyncio.Task[Any]) -> None:
    """Cancel a task until it has ended. azure-servicebus reads with `asyncio.wait_for`, which loses a cancellation that
    arrives together with what it waits for (python/cpython#86296, until Python 3.12)."""
    while not task.done():
        task.cancel()
        await asyncio.wait({task}, timeout=CANCEL_AGAIN_S)
