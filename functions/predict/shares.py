"""A fair share of what all callers use together: places to wait, and bytes of bodies under way. Pure."""

from dataclasses import dataclass

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

    def hold(self, caller: str, amount: int = 1) -> "Hold":
        """A context; to enter it raises TooManyRequests when that would be more than the caller's share."""
        return Hold(self, caller, amount)

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
        left = self._held.pop(caller, 0) - amount
        if left:
            self._held[caller] = left


@dataclass(slots=True)
class Hold:
    """See `Shares.hold`. Each request has several: `contextmanager` takes twice as long."""

    shares: Shares
    caller: str
    amount: int

    def __enter__(self) -> None:
        self.shares.take(self.caller, self.amount)

    def __exit__(self, *error: object) -> None:
        self.shares.give_back(self.caller, self.amount)
