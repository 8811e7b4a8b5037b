"""Whose turn it is among many, each of which has deadlines of its own."""

from collections.abc import Callable
from typing import Protocol

from local.broker.queues.deadlines import Deadlines
from local.broker.queues.settings import FOREVER


class Timed(Protocol):
    """Something with deadlines."""

    def next_due(self) -> float:
        """When `advance` has something to do; FOREVER if nothing is pending."""

    def advance(self) -> None:
        """Do what is due."""


class Agenda:
    """O(log n) in the number of its members to find who is next, and nobody else is asked.

    A member says when something of its becomes due *earlier*. What is put off or withdrawn is noticed when it would
    have been its turn.
    """

    def __init__(self) -> None:
        self._members: dict[int, Timed] = {}
        self._deadlines: Deadlines[int] = Deadlines()
        self._keys = 0

    def join(self, member: Timed) -> tuple[Callable[[float], None], Callable[[], None]]:
        """Take a member in; returns what it calls with an earlier time, and what is called when it goes."""
        key = self._keys
        self._keys += 1
        self._members[key] = member

        def due_earlier(due: float) -> None:
            if key in self._members and due < self._deadlines.get(key):
                self._deadlines.set(key, due)

        def leave() -> None:
            self._members.pop(key, None)
            self._deadlines.discard(key)

        return due_earlier, leave

    def next_due(self) -> float:
        """When `advance` has something to do; FOREVER if nothing is pending."""
        while (key := self._deadlines.first()) is not None:
            noted, due = self._deadlines.get(key), self._members[key].next_due()
            if due <= noted:
                return noted
            self._deadlines.set(key, due)
        return FOREVER

    def advance(self, now: float) -> None:
        """Let those members advance whose time has come."""
        for key in list(self._deadlines.take_due(now)):
            member = self._members.get(key)
            if member is not None:
                member.advance()
                self._deadlines.set(key, member.next_due())
