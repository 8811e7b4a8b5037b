"""``python -m tests.harness.prober URL``: asks two probes until standard input closes, then prints how long they took.

A process of its own, so that the load that a test makes does not count as the service's delay. The first line of
standard input is the JSON of ``{"body": …, "headers": …}``.
"""

import asyncio
import json
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass, field
from typing import Any

import httpx

EVERY_S = 0.2
PATIENCE_S = 60.0


@dataclass
class Times:
    """Seconds that each probe took. One that found no answer counts as long as it waited."""

    live: list[float] = field(default_factory=list)
    posts: list[float] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)
    """Of the honest requests; 0 for no answer."""

    @property
    def longest_live(self) -> float:
        return max(self.live)

    @property
    def longest_post(self) -> float:
        return max(self.posts)


async def probe(url: str, body: Any, headers: dict[str, str], stopping: asyncio.Event) -> Times:
    """Asks ``/health/live`` and sends an honest request, again and again until *stopping*, at least once each."""
    times = Times()
    async with httpx.AsyncClient(base_url=url, timeout=PATIENCE_S, headers=headers, trust_env=False) as http:

        async def live() -> None:
            began = time.monotonic()
            await _status(http.get("/health/live"))
            times.live.append(time.monotonic() - began)

        async def post() -> None:
            began = time.monotonic()
            times.statuses.append(await _status(http.post("/predict", json=body, headers={"Prefer": "wait=30"})))
            times.posts.append(time.monotonic() - began)

        await asyncio.gather(_again_and_again(live, stopping), _again_and_again(post, stopping))
    return times


async def _again_and_again(ask: Callable[[], Awaitable[None]], stopping: asyncio.Event) -> None:
    while True:
        await ask()
        if stopping.is_set():
            return
        await asyncio.sleep(EVERY_S)


async def _status(asking: Awaitable[httpx.Response]) -> int:
    try:
        return (await asking).status_code
    except httpx.TransportError:
        return 0


async def _main(url: str) -> None:
    given = json.loads(sys.stdin.readline())
    stopping = asyncio.Event()
    asyncio.get_running_loop().add_reader(sys.stdin, stopping.set)
    times = await probe(url, given["body"], given["headers"], stopping)
    print(json.dumps(asdict(times)))


if __name__ == "__main__":
    asyncio.run(_main(sys.argv[1]))
