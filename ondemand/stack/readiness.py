"""Waiting until the functions of a host say that they are ready."""

import asyncio
import time

import httpx

READY_TIMEOUT = 60.0  # seconds
POLL_INTERVAL = 0.1  # seconds


class NotReadyError(Exception):
    """``/health/ready`` did not answer 200 in time; the message has its last answer."""


async def wait_until_ready(url: str) -> None:
    """Poll ``<url>/health/ready`` until it answers 200; raise NotReadyError with the last answer if it never does."""
    deadline = time.monotonic() + READY_TIMEOUT
    answer = "no answer"
    async with httpx.AsyncClient(trust_env=False) as client:
        while time.monotonic() < deadline:
            try:
                response = await client.get(f"{url}/health/ready", timeout=READY_TIMEOUT)
            except httpx.TransportError as error:
                answer = repr(error)
            else:
                if response.is_success:
                    return
                answer = f"{response.status_code} {response.text[:500]}"
            await asyncio.sleep(POLL_INTERVAL)  # a probe is asked, it does not tell
    raise NotReadyError(f"{url}/health/ready: {answer}")
