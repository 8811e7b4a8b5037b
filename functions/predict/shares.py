"""A fair share of what all callers use together: places to wait, and bytes of bodies under way. Pure."""

from collections.abc import Iterator
from contextlib import contextmanager

from functions.errors import TooManyRequests

RETRY_AFTER_S = 1


class Shares:
    """So much of something for all callers.

    A caller never holds more than it leaves free. So one caller alone gets half, two that ask for all of it get a third
    each, and a caller that is new always finds room.
    """

    def __init__(self, size: int, unit: str) -> None:
        self.size = size
        self._unit = unit
        self._used = 0
        self._held: dict[str, int] = {}

    def fits(self, caller: str, amount: int = 1) -> bool:
        """Whether the caller may hold so much more. Nothing always fits."""
        return not amount or self._held.get(caller, 0) + amount <= self.size - self._used - amount

    @contextmanager
    def hold(self, caller: str, amount: int = 1) -> Iterator[None]:
        """Raises TooManyRequests when that would be more than the caller's share."""
        self.take(caller, amount)
        try:
            yield
        finally:
            self.give_back(caller, amount)

    def take(self, caller: str, amount: int = 1, retry_after: int = RETRY_AFTER_S) -> None:
        """Raises TooManyRequests, as `hold` does."""
        held = self._held.get(caller, 0)
        if not self.fits(caller, amount):
            raise TooManyRequests(
                f"This caller holds {held} of {self.size} {self._unit} in this instance, and "
                f"{max(self.size - self._used, 0)} are free. A caller may not hold more than it leaves free; try again "
                "in a moment.",
                retry_after=retry_after,
            )
        self._used += amount
        self._held[caller] = held + amount

    def give_back(self, caller: str, amount: int = 1) -> None:
        self._used -= amount
        left = self._held.get(caller, 0) - amount
        if left:
            self._held[caller] = left
        else:
            self._held.pop(caller, None)
