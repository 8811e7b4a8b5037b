"""How Databricks runs stand: commands that wait for one run share its status calls."""

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from cachetools import TTLCache

from functions.backoff import POLL_LAST_S, next_poll
from functions.shared_calls import SharedCalls
from functions.train.jobs import RunStatus

STATUS_KEPT_S = 1.5
"""Commands that ask for a training at about the same time share a status call."""
MAX_RUNS = 10_000


@dataclass(frozen=True)
class _Seen:
    status: RunStatus
    poll: int
    """The number of the poll that the status is good for."""
    at: float


class RunPoller:
    """Keeps the last status of each run. Its methods raise what ``ask``, the status call, raises."""

    def __init__(self, ask: Callable[[int], Awaitable[RunStatus]], clock: Callable[[], float] = time.monotonic) -> None:
        self._ask = ask
        self._clock = clock
        self._seen: TTLCache[int, _Seen] = TTLCache(MAX_RUNS, POLL_LAST_S, clock)
        self._calls: SharedCalls[int, None] = SharedCalls(keep_s=0)

    async def status(self, databricks_run_id: int) -> RunStatus:
        """The status, at most `STATUS_KEPT_S` old."""
        return await self._status(databricks_run_id, 0, lambda seen: self._clock() - seen.at < STATUS_KEPT_S)

    async def poll(self, databricks_run_id: int, run_age: float) -> RunStatus:
        """The status at the poll that is due: one call for all commands that wait for the run.

        A run without a start, or with one that another clock puts into the future, has no poll that is due.
        """
        if run_age <= 0:
            return await self.status(databricks_run_id)
        number, _ = next_poll(run_age)
        return await self._status(databricks_run_id, number, lambda seen: seen.poll >= number)

    async def _status(self, databricks_run_id: int, poll: int, fresh: Callable[[_Seen], bool]) -> RunStatus:
        while (seen := self._seen.get(databricks_run_id)) is None or not fresh(seen):
            await self._calls.get(databricks_run_id, lambda: self._call(databricks_run_id, poll))
        return seen.status

    async def _call(self, databricks_run_id: int, poll: int) -> None:
        status = await self._ask(databricks_run_id)
        known = self._seen.get(databricks_run_id)
        self._seen[databricks_run_id] = _Seen(status, max(poll, known.poll if known else 0), self._clock())
