"""Waits until the functions of a host are ready."""

import asyncio
import time

import httpx

READY_TIMEOUT_S = 60.0
POLL_INTERVAL_S = 0.1


class NotReadyError(Exception):
    """``/health/ready`` did not answer 200 in time; the message has its last answer."""


async def wait_until_ready(url: str) -> None:
    """Poll ``<url>/health/ready`` until it answers 200; raise NotReadyError with the last answer if it never does."""
    deadline = time.monotonic() + READY_TIMEOUT_S
    answer = "no answer"
    async with httpx.AsyncClient(trust_env=False) as client:
        while time.monotonic() < deadline:
            try:
                response = await client.get(f"{url}/health/ready", timeout=READY_TIMEOUT_S)
            except httpx.TransportError as error:
                answer = repr(error)
            else:
                if response.is_success:
                    return
                answer = f"{response.status_code} {response.text[:500]}"
            await asyncio.sleep(POLL_INTERVAL_S)  # readiness can only be polled
    raise NotReadyError(f"{url}/health/ready: {answer}")
