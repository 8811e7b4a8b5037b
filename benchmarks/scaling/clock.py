"""Simulated time: what is due next, in order; what is due at the same moment in the order it was asked for."""

import heapq
from collections.abc import Callable
from itertools import count


class Clock:
    def __init__(self) -> None:
        self.now = 0.0
        self._due: list[tuple[float, int, Callable[[], None]]] = []
        self._order = count()

    def at(self, when: float, call: Callable[[], None]) -> None:
        """Call it at that moment, or now if that is past."""
        heapq.heappush(self._due, (max(when, self.now), next(self._order), call))

    def after(self, seconds: float, call: Callable[[], None]) -> None:
        self.at(self.now + seconds, call)

    def every(self, seconds: float, call: Callable[[], None], first: float | None = None) -> None:
        """Call it in so many seconds, or at *first*, and again after as many, for ever."""

        def again() -> None:
            call()
            self.after(seconds, again)

        self.at(self.now + seconds if first is None else first, again)

    def run(self, until: Callable[[], bool], longest: float) -> None:
        """Go on until `until` is true after a call. Raises TimeoutError where that has not come by `longest`."""
        while self._due:
            self.now, _, call = heapq.heappop(self._due)
            if self.now > longest:
                break
            call()
            if until():
                return
        raise TimeoutError(f"not over after {self.now:.0f} simulated seconds")
