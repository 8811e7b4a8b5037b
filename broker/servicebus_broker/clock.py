"""The clock of a process."""

import time

# A difference below this is the time between two readings; a clock that is adjusted gradually adjusts both scales.
_STEP = 0.1
# It also counts while the machine is suspended. macOS has no such clock.
_STEADY: int = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


class SystemClock:
    """The running time of this process; see `queues.clock.Clock`."""

    def __init__(self) -> None:
        self._start = time.time() - time.clock_gettime(_STEADY)
        self._ahead = self._ahead_at_start = 0.0

    def __call__(self) -> float:
        return time.clock_gettime(_STEADY) + self._start

    def not_before(self, running: float) -> None:
        """Continue the running time of a former process, even if the machine's clock was set back since."""
        self._start += max(0.0, running - self())
        self._ahead_at_start = self._wall_ahead()

    def to_wall(self, running: float) -> float:
        return running + self._wall_ahead()

    def told_until(self, running: float) -> float:
        return running + max(self._ahead_at_start, self._wall_ahead())

    def from_wall(self, wall: float) -> float:
        return wall - self._wall_ahead()

    def _wall_ahead(self) -> float:
        ahead = time.time() - self()
        if abs(ahead - self._ahead) > _STEP:
            self._ahead = ahead
        return self._ahead
