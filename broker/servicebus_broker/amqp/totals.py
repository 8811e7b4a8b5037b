"""What all connections of a broker hold together, each kind with its limit: one client cannot use up the memory."""

from __future__ import annotations

from collections.abc import Callable

from servicebus_broker.amqp.errors import ResourceLimitError
from servicebus_broker.limits import DEFAULT_LIMITS, Limits


class Total:
    """A number of things, held by any connection."""

    def __init__(self, what: str, limit: int) -> None:
        self.used = 0
        self._what = what
        self._limit = limit

    @property
    def is_over(self) -> bool:
        return self.used > self._limit

    def check_room(self) -> None:
        """Raises ResourceLimitError unless there may be one more."""
        if self.used >= self._limit:
            raise ResourceLimitError(f"This broker holds {self._limit} {self._what} at most.")


class Totals:
    """The totals that connections share."""

    def __init__(self, limits: Limits = DEFAULT_LIMITS) -> None:
        self.sessions = Total("sessions", limits.max_total_sessions)
        self.links = Total("links", limits.max_total_links)
        self.unsettled = Total("unsettled deliveries", limits.max_total_unsettled)
        self.incomplete = Total("bytes of incomplete messages", limits.max_total_incomplete_bytes)
        self.incomplete_by_connection: set[IncompleteBytes] = set()


class IncompleteBytes:
    """The bytes of all messages of a connection whose last frame has not arrived.

    Where the total is over its limit, the connection that holds the most is told by ``on_overdrawn`` to give them up.
    """

    def __init__(self, limit: int, totals: Totals) -> None:
        self.used = 0
        self.on_overdrawn: Callable[[], None] = lambda: None
        self._limit = limit
        self._totals = totals

    def add(self, size: int) -> None:
        """Raises ResourceLimitError when this connection has more than its limit."""
        totals = self._totals
        self.used += size
        totals.incomplete.used += size
        totals.incomplete_by_connection.add(self)
        if self.used > self._limit:
            raise ResourceLimitError(f"more than {self._limit} bytes of incomplete messages")
        while totals.incomplete.is_over:
            largest = max(totals.incomplete_by_connection, key=lambda each: each.used)
            if largest is self:
                raise ResourceLimitError("the most of too many bytes of incomplete messages of all clients")
            largest.on_overdrawn()
            totals.incomplete_by_connection.discard(largest)

    def release(self, size: int) -> None:
        """The message is complete or given up."""
        self.used -= size
        self._totals.incomplete.used -= size
        if not self.used:
            self._totals.incomplete_by_connection.discard(self)
