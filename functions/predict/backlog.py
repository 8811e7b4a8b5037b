"""How many predictions of this instance have no answer yet, how fast answers come, and when there are too many."""

import math
import time
from collections.abc import Callable

from functions.predict.shares import Shares

WINDOW_S = 30.0
MIN_RETRY_AFTER_S, MAX_RETRY_AFTER_S, RETRY_AFTER_UNMEASURED_S = 1, 60, 10


class Rate:
    """Answers a second over this window of time and the former one."""

    def __init__(self, now: float) -> None:
        self._began = self._window = now
        self._former = self._count = 0

    def add(self, now: float) -> None:
        self._turn(now)
        self._count += 1

    def value(self, now: float) -> float:
        self._turn(now)
        since = max(self._began, self._window - WINDOW_S)
        return (self._former + self._count) / max(now - since, 1.0)

    def _turn(self, now: float) -> None:
        if now - self._window >= WINDOW_S:
            self._former = self._count if now - self._window < 2 * WINDOW_S else 0
            self._count, self._window = 0, now


class Backlog:
    """The predictions that this instance has published and that have no answer and no training yet.

    The depth of the whole queue would take a call of the management API. The part of this instance and the rate at
    which it is answered cost nothing, and their quotient is the time that the next prediction has to wait. Together all
    callers may have as many as are answered within `timeout_s`, by a rate that was measured, but never less than twice
    `max_waiting`; a caller may have its share of them. While there is no rate, a runner may be starting: then, and at
    most, `max_pending`.
    """

    def __init__(
        self, max_pending: int, max_waiting: int, timeout_s: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._max_pending = max_pending
        self._never_less = min(2 * max_waiting, max_pending)
        self._timeout_s = timeout_s
        self._clock = clock
        self._pending: dict[str, tuple[str, float]] = {}
        self._shares = Shares(max_pending, "predictions without an answer")
        self._rate = Rate(clock())

    def __len__(self) -> int:
        return len(self._pending)

    def add(self, operation_id: str, caller: str) -> None:
        """Count a prediction that is about to be published. Raises TooManyRequests."""
        now = self._clock()
        self._forget_expired(now)
        if not self._pending:
            self._rate = Rate(now)  # idle time says nothing about the rate
        if operation_id in self._pending:
            return
        rate = self._rate.value(now)
        enough = int(rate * self._timeout_s) if rate else self._max_pending
        self._shares.size = min(max(enough, self._never_less), self._max_pending)
        self._shares.take(caller, retry_after=_retry_after(len(self._pending), rate))
        self._pending[operation_id] = caller, now + self._timeout_s

    def answered(self, operation_id: str) -> None:
        """With its outcome, or with the training that it now waits for."""
        if self.forget(operation_id):
            self._rate.add(self._clock())

    def forget(self, operation_id: str) -> bool:
        """Whether the prediction was counted until now."""
        found = self._pending.pop(operation_id, None)
        if found is not None:
            self._shares.give_back(found[0])
        return found is not None

    def _forget_expired(self, now: float) -> None:
        """The answers may have gone to another instance, which adopted the session."""
        while self._pending:
            operation_id, (_, expires_at) = next(iter(self._pending.items()))
            if expires_at > now:
                return
            self.forget(operation_id)


def _retry_after(pending: int, rate: float) -> int:
    """Seconds until a tenth of them is answered."""
    if not rate:
        return RETRY_AFTER_UNMEASURED_S
    return min(max(math.ceil(pending / 10 / rate), MIN_RETRY_AFTER_S), MAX_RETRY_AFTER_S)
