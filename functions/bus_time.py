"""The time on the message bus, by which messages are scheduled and given up.

A host's own clock may be wrong. If it is behind the bus, whatever it schedules is delivered at once, and retries spin;
if it is ahead, everything waits too long. Each message says when the bus enqueued it, so the bus is at least that late.
It may be much later: after an outage, all messages have waited. So work is scheduled by `of_message`, and given
up by `latest`. Azure sends no time of the bus along with a message (``locked_until`` is None).
"""

import time
from collections.abc import Callable
from contextvars import ContextVar
from datetime import UTC, datetime, timedelta

from functions.contracts import utc_now

REMEMBERED_S = 60.0
"""The best of the last one to two minutes counts, should the clock of the bus be set back."""


class BusTime:
    """What the messages and this host's clock tell of it."""

    def __init__(
        self, elapsed: Callable[[], float] = time.monotonic, host_clock: Callable[[], datetime] = utc_now
    ) -> None:
        self._elapsed = elapsed
        self._host_clock = host_clock
        self._of_message: ContextVar[datetime | None] = ContextVar("of_message", default=None)
        self._began: float | None = None
        self._best: datetime | None = None
        self._best_before: datetime | None = None
        self._zero: datetime | None = None
        """When `elapsed` was 0, by all messages that count."""

    def observe(self, enqueued_at: datetime | None) -> None:
        """A message that was received now, and is handled in this context."""
        if enqueued_at is None:
            return
        elapsed = self._elapsed()
        if self._began is None or elapsed - self._began >= REMEMBERED_S:
            self._began, self._best_before, self._best = elapsed, self._best, None
        aware = enqueued_at if enqueued_at.tzinfo else enqueued_at.replace(tzinfo=UTC)
        zero = aware - timedelta(seconds=elapsed)
        self._best = max(self._best or zero, zero)
        self._zero = max(self._best, self._best_before or self._best)
        self._of_message.set(zero)

    def of_message(self) -> datetime:
        """The time by the message in hand alone: whatever follows from it is scheduled by this.

        If the message waited long, what is scheduled is due at once, and is a message of today then. Other messages do
        not count: after the clock of the bus was set back, they would put everything off until it is as late again.
        """
        zero = self._of_message.get()
        return self.now() if zero is None else zero + timedelta(seconds=self._elapsed())

    def now(self) -> datetime:
        """The latest time that the bus has reached for certain, by all messages; this host's clock before the first."""
        return self._host_clock() if self._zero is None else self._zero + timedelta(seconds=self._elapsed())

    def latest(self) -> datetime:
        """The later of `now` and this host's clock: a host that is behind gives up by the bus, others by their own."""
        return max(self.now(), self._host_clock())


bus_time = BusTime()
"""That of this process."""
