"""When to renew a lock: half-way to its end, until ``maxAutoLockRenewalDuration`` has passed."""

from datetime import UTC, datetime, timedelta


class LockSchedule:
    """Renewal times of one lock; all times are aware and in UTC."""

    def __init__(self, locked_until: datetime, max_renewal: timedelta, now: datetime) -> None:
        self._give_up_at = now + max_renewal
        self.renewed(locked_until, now)

    def renewed(self, locked_until: datetime, now: datetime) -> None:
        """Plan the next renewal after the lock was granted or renewed."""
        self._due_at = now + (locked_until - now) / 2

    def abandon(self) -> None:
        """Plan no more renewals: the lock is lost."""
        self._give_up_at = self._due_at

    def due_in(self, now: datetime) -> float | None:
        """Seconds until the next renewal, 0 if it is due, None if there is none to come."""
        if self._due_at >= self._give_up_at:
            return None
        return max(0.0, (self._due_at - now).total_seconds())


def utc_now() -> datetime:
    return datetime.now(UTC)
