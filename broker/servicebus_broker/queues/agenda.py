"""Whose turn it is among many, each of which has deadlines of its own."""

from collections.abc import Callable, Iterator
from typing import Generic, Protocol, TypeVar

from servicebus_broker.queues.deadlines import Deadlines
from servicebus_broker.queues.settings import FOREVER


class Timed(Protocol):
    """Something with deadlines."""

    def next_due(self) -> float:
        """When it has something to do; FOREVER if nothing is pending."""


M = TypeVar("M", bound=Timed)


class Agenda(Generic[M]):
    """Finds who is next in O(log n) of its members, and asks nobody else.

    A member says when something of its becomes due *earlier*. What is put off or withdrawn is noticed when it would
    have been the member's turn.
    """

    def __init__(self) -> None:
        self._members: dict[int, M] = {}
        self._deadlines: Deadlines[int] = Deadlines()
        self._joined = 0

    def join(self, member: M) -> Callable[[float], None]:
        """Take a member in; returns what it calls when it has something to do earlier than it said."""
        key = self._joined
        self._joined += 1
        self._members[key] = member

        def due_earlier(due: float) -> None:
            if key in self._members and due < self._deadlines.get(key):
                self._deadlines.set(key, due)

        return due_earlier

    def leave(self, member: M) -> None:
        """Let a member go."""
        for key in [key for key, each in self._members.items() if each is member]:
            del self._members[key]
            self._deadlines.discard(key)

    @property
    def due(self) -> float:
        """Never later than `next_due`, and without asking any member."""
        return self._deadlines.next_due()

    def next_due(self) -> float:
        """When a member has something to do; FOREVER if none has."""
        while (key := self._deadlines.first()) is not None:
            noted, due = self._deadlines.get(key), self._members[key].next_due()
            if due <= noted:
                return noted
            self._deadlines.set(key, due)
        return FOREVER

    def take_due(self, now: float) -> Iterator[M]:
        """Each member whose time has come, to do what is due before the next is taken."""
        for key in list(self._deadlines.take_due(now)):
            if key in self._members:
                yield self._members[key]
            if key in self._members:
                self._deadlines.set(key, self._members[key].next_due())
