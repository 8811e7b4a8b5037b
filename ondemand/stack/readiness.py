"""Waits until the functions of a host are ready."""

import asyncio
import time

import httpx

READY_TIMEOUT_S = 60.0
POLL_INTERVAL_S = 0.1
RAISED_AT_MOST = 5
"""Answers 500 in a row: what is not there yet is 503, and what raises has a wrong setting, which stays wrong."""


class NotReadyError(Exception):
    """``/health/ready`` did not answer 200 in time; the message has its last answer."""


async def wait_until_ready(url: str) -> None:
    """Poll ``<url>/health/ready`` until it answers 200; raise NotReadyError with the last answer if it will not."""
    deadline = time.monotonic() + READY_TIMEOUT_S
    answer, raised = "no answer", 0
    async with httpx.AsyncClient(trust_env=False) as client:
        while time.monotonic() < deadline and raised < RAISED_AT_MOST:
            try:
                response = await client.get(f"{url}/health/ready", timeout=READY_TIMEOUT_S)
            except httpx.TransportError as error:
                answer, raised = repr(error), 0
            else:
                if response.is_success:
                    return
                answer = f"{response.status_code} {response.text[:500]}"
                raised = raised + 1 if response.status_code == httpx.codes.INTERNAL_SERVER_ERROR else 0
            await asyncio.sleep(POLL_INTERVAL_S)  # readiness can only be polled
    raise NotReadyError(f"{url}/health/ready: {answer}")
