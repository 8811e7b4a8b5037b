"""Honest clients: what they ask of the service while faults happen, and how they go on after a refusal."""

import asyncio
import random
import uuid
from collections.abc import Awaitable, Callable, Sequence
from types import TracebackType
from typing import Any, Self

import httpx

from tests.harness.ledger import Attempt, Ledger
from tests.harness.models import WINE_COLUMNS
from tests.harness.stack import WARM

LARGE_ROWS = 2_000
"""More than a message holds, so they go by claim check."""
TIMEOUT_S = 45.0
AGAIN_S = 0.5


def wine_rows(random_numbers: random.Random, count: int = 1) -> list[dict[str, float]]:
    return [{column: round(random_numbers.random(), 3) for column in WINE_COLUMNS} for _ in range(count)]


def wine_body(alpha: float = WARM[0]) -> dict[str, Any]:
    """A request for one row, the same for each value of alpha."""
    return {
        "modelType": "wine",
        "modelParameters": {"alpha": alpha},
        "predictionParameters": wine_rows(random.Random(0)),
    }


class HonestClients:
    """A context manager. Inside it the clients ask all the time; at its end they finish the requests under way.

    Two ask models in memory, one of them with an Idempotency-Key, one sends many rows, one asks for models that must
    be trained, and one polls. *pause_s* lies between two requests of a client, *training_pause_s* between two new
    models.
    """

    def __init__(
        self,
        url: str,
        ledger: Ledger,
        warm: Sequence[float],
        *,
        seed: int = 0,
        pause_s: float = 0.1,
        training_pause_s: float = 4.0,
    ) -> None:
        self.http = httpx.AsyncClient(base_url=url, timeout=TIMEOUT_S, trust_env=False)
        self._ledger = ledger
        self._warm = list(warm)
        self._random = random.Random(seed)
        self._new = 10.0 + seed
        self._large = [wine_rows(self._random, LARGE_ROWS) for _ in range(3)]
        self._pause_s = pause_s
        self._training_pause_s = training_pause_s
        self._stopping = asyncio.Event()
        self._news = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        clients = (self._ask_warm, self._ask_with_key, self._ask_large, self._ask_two, self._poll)
        self._tasks = [asyncio.create_task(self._again_and_again(ask, self._pause_s)) for ask in clients]
        if self._training_pause_s:
            self._tasks.append(asyncio.create_task(self._again_and_again(self._ask_new, self._training_pause_s)))
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stopping.set()
        await asyncio.gather(*self._tasks)
        await self.http.aclose()

    async def until_answered(self, count: int = 5, patience_s: float = 60.0) -> None:
        """Wait until *count* more requests were answered. Raises TimeoutError."""
        wanted = self._answered() + count
        async with asyncio.timeout(patience_s):
            while self._answered() < wanted:
                self._news.clear()
                await self._news.wait()

    def _answered(self) -> int:
        return sum(bool(attempt.outcomes) for attempt in self._ledger.attempts)

    async def _again_and_again(self, ask: Callable[[], Awaitable[object]], pause_s: float) -> None:
        while not self._stopping.is_set():
            await ask()
            await self._pause(pause_s)

    async def _pause(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._stopping.wait()
        except TimeoutError:
            return

    async def _ask_warm(self) -> None:
        await self._post(self._wine("warm", wine_rows(self._random)), wait=10)

    async def _ask_two(self) -> None:
        """Two at the same moment may share a message."""
        both = [self._wine("pairs", wine_rows(self._random, 3)) for _ in range(2)]
        await asyncio.gather(*(self._post(attempt, wait=10) for attempt in both))

    async def _ask_large(self) -> None:
        await self._post(self._wine("large", self._random.choice(self._large)), wait=10)

    async def _ask_with_key(self) -> None:
        """A key makes a request safe to repeat: this client repeats it until it is accepted, and once more."""
        attempt = self._wine("keyed", wine_rows(self._random), key=f"order-{uuid.uuid4().hex}")
        while not attempt.accepted and not self._stopping.is_set():
            await self._post(attempt, wait=2)
            if not attempt.accepted:
                await self._pause(AGAIN_S)
        await self._post(attempt, wait=2)

    async def _ask_new(self) -> None:
        self._new += 0.001
        parameters = {"alpha": round(self._new, 6), "l1_ratio": 0.5}
        await self._post(self._ledger.attempt("untrained", parameters, wine_rows(self._random)))

    async def _poll(self) -> None:
        if waiting := self._ledger.open:
            attempt = self._random.choice(waiting)
            await self._send(attempt, "GET", f"/predict/{attempt.operations[0]}", headers={"Prefer": "wait=2"})

    def _wine(self, kind: str, rows: list[dict[str, float]], key: str | None = None) -> Attempt:
        return self._ledger.attempt(kind, {"alpha": self._random.choice(self._warm), "l1_ratio": 0.5}, rows, key=key)

    async def _post(self, attempt: Attempt, wait: int | None = None) -> None:
        headers = {} if wait is None else {"Prefer": f"wait={wait}"}
        if attempt.key is not None:
            headers["Idempotency-Key"] = attempt.key
        await self._send(attempt, "POST", "/predict", json=attempt.body, headers=headers)

    async def _send(self, attempt: Attempt, method: str, path: str, **options: Any) -> None:
        try:
            response = await self.http.request(method, path, **options)
        except httpx.TransportError:
            attempt.cut_off += 1
            return
        attempt.heard(response)
        self._news.set()
