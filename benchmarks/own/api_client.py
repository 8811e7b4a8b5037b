"""Single requests to our API, outside of any load."""

import time
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any, Self

import httpx
import orjson

from benchmarks.harness.wine import MODEL_TYPE, PARAMETERS, draw_rows
from benchmarks.serving.contenders.ondemand import Ondemand

PATIENCE_S = 60


def body(parameters: Mapping[str, float] = PARAMETERS, seed: int = 0) -> bytes:
    """One row for the wine model of these hyper-parameters."""
    row = draw_rows(1, seed).records[0]
    return orjson.dumps(
        {"runId": None, "modelType": MODEL_TYPE, "modelParameters": parameters, "predictionParameters": row}
    )


class ApiClient:
    """A client that waits until the result is there, a training included."""

    def __init__(self, ondemand: Ondemand) -> None:
        # Idle connections end here before they do at the host, after 5 s: a request must not meet the end of its own.
        limits = httpx.Limits(max_connections=None, keepalive_expiry=2)
        self._http = httpx.AsyncClient(trust_env=False, timeout=PATIENCE_S + 10, limits=limits)
        self._url = ondemand.url

    async def answer(self, parameters: Mapping[str, float] = PARAMETERS) -> dict[str, Any]:
        """The finished operation. Raises RuntimeError if it did not end well, httpx.TransportError."""
        headers = {"Content-Type": "application/json", "Prefer": f"wait={PATIENCE_S}"}
        response = await self._http.post(self._url, content=body(parameters), headers=headers)
        operation: dict[str, Any] = response.json()
        if operation["status"] != "completed":
            raise RuntimeError(f"{response.status_code} {response.text[:500]}")
        return operation

    async def seconds(self, parameters: Mapping[str, float] = PARAMETERS) -> float:
        """How long an answer takes."""
        began = time.perf_counter()
        await self.answer(parameters)
        return time.perf_counter() - began

    async def operation(self, run_id: str) -> dict[str, Any]:
        """How it stands now. Raises httpx.HTTPError."""
        operation: dict[str, Any] = (await self._http.get(f"{self._url}/{run_id}")).raise_for_status().json()
        return operation

    async def outcomes(self, run_ids: Sequence[str]) -> None:
        """Poll until all these operations have ended well. Raises RuntimeError if one has not."""
        for run_id in run_ids:
            url, headers = f"{self._url}/{run_id}", {"Prefer": f"wait={PATIENCE_S}"}
            operation = (await self._http.get(url, headers=headers)).raise_for_status().json()
            if operation["status"] != "completed":
                raise RuntimeError(f"{run_id}: {operation}")

    async def is_ready(self, url: str) -> bool:
        """Whether the host at *url* says that it is ready."""
        try:
            return (await self._http.get(f"{url}/health/ready")).is_success
        except httpx.TransportError:
            return False

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._http.aclose()
