"""The next due member among many, each of which has its own deadlines."""

from collections.abc import Callable, Iterator
from typing import Generic, Protocol, TypeVar

from servicebus_broker.queues.deadlines import Deadlines
from servicebus_broker.queues.settings import FOREVER


class Timed(Protocol):
    """An object with deadlines."""

    def next_due(self) -> float:
        """The time of the first deadline; FOREVER if nothing is pending."""


M = TypeVar("M", bound=Timed)


class Agenda(Generic[M]):
    """Finds the next due member in O(log n), without asking the others.

    A member reports when one of its deadlines becomes *earlier*. A deadline that was postponed or withdrawn is noticed
    at its former time.
    """

    def __init__(self) -> None:
        self._members: dict[int, M] = {}
        self._deadlines: Deadlines[int] = Deadlines()
        self._joined = 0

    def join(self, member: M) -> Callable[[float], None]:
        """Add a member; returns the function by which it reports an earlier deadline."""
        key = self._joined
        self._joined += 1
        self._members[key] = member

        def due_earlier(due: float) -> None:
            if key in self._members and due < self._deadlines.get(key):
                self._deadlines.set(key, due)

        return due_earlier

    def leave(self, member: M) -> None:
        """Remove a member."""
        for key in [key for key, each in self._members.items() if each is member]:
            del self._members[key]
            self._deadlines.discard(key)

    @property
    def due(self) -> float:
        """Never later than `next_due`, and computed without asking a member."""
        return self._deadlines.next_due()

    def next_due(self) -> float:
        """The time when a member has something to do; FOREVER if none has."""
        while (key := self._deadlines.first()) is not None:
            noted, due = self._deadlines.get(key), self._members[key].next_due()
            if due <= noted:
                return noted
            self._deadlines.set(key, due)
        return FOREVER

    def take_due(self, now: float) -> Iterator[M]:
        """Each member that is due; it must do its work before the next one is taken."""
        for key in list(self._deadlines.take_due(now)):
            if key in self._members:
                yield self._members[key]
            if key in self._members:
                self._deadlines.set(key, self._members[key].next_due())
