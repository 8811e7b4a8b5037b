"""Cancelling a task for good."""

import asyncio
from typing import Any

CANCEL_AGAIN_S = 1.0


async def cancel(task: asyncio.Task[Any]) -> None:
    """Cancel a task until it has ended: a single cancellation may be lost in `asyncio.wait_for`."""
    while not task.done():
        task.cancel()
        await asyncio.wait({task}, timeout=CANCEL_AGAIN_S)
