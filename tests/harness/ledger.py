"""The invariant checker: what became of each attempt of each client, and what must hold for all of them."""

import asyncio
import json
import time
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx

from tests.harness.truth import Truth

Document = dict[str, Any]
TERMINAL = ("completed", "error", "cancelled")
REFUSALS = (429, 503)
"""Statuses by which the service asks for another try. Every other one without an operation is unexpected here."""
COLUMNS = (
    *("attempted", "accepted", "answered", "right", "failed", "refused", "cut off"),
    *("wrong", "lost", "duplicated", "stuck", "unexpected"),
)
MUST_BE_ZERO = COLUMNS[7:]
POLL_S = 10
POLLS_AT_ONCE = 50
"""httpx looks through all requests that wait whenever one begins or ends: ten thousand at once took it 12 minutes."""


@dataclass
class Attempt:
    """One request of an honest client and all that it heard of it. ``key`` is its Idempotency-Key."""

    kind: str
    model_type: str
    parameters: dict[str, Any]
    rows: list[dict[str, float]]
    key: str | None = None
    operations: list[str] = field(default_factory=list)
    """Different ids that the service named. More than one is a duplicate."""
    outcomes: list[Document] = field(default_factory=list)
    """Every terminal document, also of the same outcome."""
    refused: int = 0
    cut_off: int = 0
    unexpected: list[str] = field(default_factory=list)
    lost: bool = False
    polled: bool = False
    """Whether the outcome is in the store, as it is after a 202 and with a key."""

    @property
    def accepted(self) -> bool:
        return bool(self.operations)

    @property
    def finished(self) -> bool:
        return bool(self.outcomes) or self.lost

    @property
    def body(self) -> Document:
        return {
            "modelType": self.model_type,
            "modelParameters": self.parameters,
            "predictionParameters": self.rows,
        }

    def heard(self, response: httpx.Response) -> None:
        """Take note of an answer to the POST or to a poll."""
        document = _document(response)
        operation = document.get("runId")
        if operation is None:
            if response.status_code in REFUSALS:
                self.refused += 1
            elif response.status_code == 404 and self.accepted:
                self.lost = True
            else:
                self.unexpected.append(f"{response.status_code} {response.text[:200]}")
            return
        if operation not in self.operations:
            self.operations.append(operation)
        if document["status"] in TERMINAL:
            self.outcomes.append(document)
        self.polled |= response.status_code == 202 or self.key is not None


def _document(response: httpx.Response) -> Document:
    try:
        document = response.json()
    except json.JSONDecodeError:
        return {}
    return document if isinstance(document, dict) else {}


class Ledger:
    """All attempts of one test or of one soak. ``settle`` ends it; ``table`` and ``broken`` tell how it went."""

    def __init__(self) -> None:
        self.attempts: list[Attempt] = []
        self.trained_twice: list[str] = []
        self._wrong: list[str] = []
        self._counts: dict[str, Counter[str]] = {}
        self._polls = asyncio.Semaphore(POLLS_AT_ONCE)

    def attempt(
        self,
        kind: str,
        parameters: dict[str, Any],
        rows: list[dict[str, float]],
        *,
        model_type: str = "wine",
        key: str | None = None,
    ) -> Attempt:
        attempt = Attempt(kind, model_type, parameters, rows, key)
        self.attempts.append(attempt)
        return attempt

    @property
    def open(self) -> list[Attempt]:
        """Accepted, and no outcome was heard of."""
        return [attempt for attempt in self.attempts if attempt.accepted and not attempt.finished]

    async def settle(self, http: httpx.AsyncClient, truth: Truth, patience_s: float = 120.0) -> None:
        """Poll what is open until *patience_s* are over, ask for the rest again, and compare everything with MLflow."""
        deadline = time.monotonic() + patience_s
        await asyncio.gather(*(self._until_finished(http, attempt, deadline) for attempt in self.open))
        again = [attempt for attempt in self.attempts if attempt.outcomes and attempt.polled]
        await asyncio.gather(*(self._poll(http, attempt) for attempt in again))
        self.trained_twice = await truth.trained_twice()
        by_kind: dict[str, Counter[str]] = defaultdict(Counter)
        for attempt in self.attempts:
            by_kind[attempt.kind].update(await self._count(attempt, truth))
        self._counts = dict(by_kind)

    @property
    def counts(self) -> dict[str, dict[str, int]]:
        """By kind of client, and in all."""
        total: Counter[str] = sum(self._counts.values(), Counter())
        return {
            kind: {column: counter[column] for column in COLUMNS}
            for kind, counter in (*sorted(self._counts.items()), ("all", total))
        }

    @property
    def failures(self) -> Counter[str]:
        """Error outcomes of accepted attempts by their type."""
        return Counter(
            _error_type(attempt.outcomes[0])
            for attempt in self.attempts
            if attempt.outcomes and attempt.outcomes[0]["status"] != "completed"
        )

    def broken(self, allowed: Sequence[str] = ()) -> list[str]:
        """What did not hold: one line each. *allowed* are the types of errors that the faults explain."""
        lines = [
            f"{count} {kind} attempts: {column}"
            for kind, row in self.counts.items()
            for column, count in row.items()
            if kind != "all" and column in MUST_BE_ZERO and count
        ]
        lines += [f"trained twice: {name}" for name in self.trained_twice]
        lines += [f"{count} x {kind}" for kind, count in self.failures.items() if kind not in allowed]
        lines += self._wrong[:5]
        lines += [f"stuck: {attempt.operations[0]} ({attempt.kind})" for attempt in self.open[:5]]
        lines += [line for attempt in self.attempts for line in attempt.unexpected][:5]
        return lines

    def table(self) -> str:
        return table({"clients": list(COLUMNS)} | {kind: list(row.values()) for kind, row in self.counts.items()})

    async def _until_finished(self, http: httpx.AsyncClient, attempt: Attempt, deadline: float) -> None:
        while not attempt.finished and time.monotonic() < deadline:
            if not await self._poll(http, attempt):
                await asyncio.sleep(0.5)  # a refusal or no connection: not at once again

    async def _poll(self, http: httpx.AsyncClient, attempt: Attempt) -> bool:
        headers = {"Prefer": f"wait={POLL_S}"}
        try:
            async with self._polls:
                response = await http.get(f"/predict/{attempt.operations[0]}", headers=headers, timeout=POLL_S + 30)
        except httpx.TransportError:
            return False
        attempt.heard(response)
        return response.status_code not in REFUSALS

    async def _count(self, attempt: Attempt, truth: Truth) -> Counter[str]:
        outcomes = {_essence(outcome) for outcome in attempt.outcomes}
        counter = Counter(
            {
                "attempted": 1,
                "accepted": int(attempt.accepted),
                "answered": int(bool(outcomes)),
                "refused": attempt.refused,
                "cut off": attempt.cut_off,
                "lost": int(attempt.lost),
                "duplicated": int(len(outcomes) > 1 or len(attempt.operations) > 1),
                "stuck": int(attempt.accepted and not attempt.finished),
                "unexpected": len(attempt.unexpected),
            }
        )
        if attempt.outcomes and attempt.outcomes[0]["status"] == "completed":
            flaw = await truth.flaw(attempt.parameters, attempt.rows, attempt.outcomes[0])
            self._wrong += [f"wrong: {attempt.kind} {attempt.parameters}: {flaw}"] if flaw else []
            counter["wrong" if flaw else "right"] += 1
        elif attempt.outcomes:
            counter["failed"] += 1
        return counter


def _essence(outcome: Document) -> str:
    """What two documents of one outcome have in common."""
    names = ("status", "result", "modelParameters", "model")
    return json.dumps([*(outcome.get(name) for name in names), _error_type(outcome)], sort_keys=True)


def _error_type(outcome: Document) -> str:
    error = outcome.get("error")
    return str(error["type"]).rpartition(":")[2] if error else ""


def table(rows: Mapping[str, Sequence[object]]) -> str:
    """A Markdown table; the first row is its head."""
    head, *body = [[name, *map(_cell, cells)] for name, cells in rows.items()]
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, ["---"] * len(head), *body))


def _cell(value: object) -> str:
    return f"{value:,}" if isinstance(value, int) else str(value)
