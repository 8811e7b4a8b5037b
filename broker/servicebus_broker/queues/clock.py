"""The time of the queues: seconds on a scale that nobody can set."""

from typing import Protocol


class Clock(Protocol):
    """Calling it gives the running time, which never goes back and never jumps.

    Deadlines are in running time, so a change of the machine's clock moves none of them. It equals the machine's clock,
    in seconds since the Unix epoch, until somebody sets that one. Times that clients send or read are converted.
    """

    def __call__(self) -> float: ...

    def to_wall(self, running: float) -> float:
        """What the machine's clock shows at a running time, as it is set now."""

    def told_until(self, running: float) -> float:
        """The end of a lock as clients are told, which compare it with clocks of their own.

        If the machine's clock was set back since the start, it is by the clock as it was: a client that takes a lock
        for lost does nothing at all, one that renews it too late only repeats its work.
        """

    def from_wall(self, wall: float) -> float:
        """The running time at which the machine's clock, as it is set now, shows a time."""
