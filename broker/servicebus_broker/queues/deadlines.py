"""Deadlines by key: O(log n) to set one, and to find the next one."""

import heapq
from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

from servicebus_broker.queues.settings import FOREVER

K = TypeVar("K", int, str, bytes)


class Alarm:
    """The earliest of several kinds of deadlines.

    ``due`` is never later than that, and costs nothing to read; `next_due` makes it exact. ``on_earlier`` is called
    whenever it becomes earlier.
    """

    def __init__(self, on_earlier: Callable[[float], None] = lambda due: None) -> None:
        self.due = FOREVER
        self._on_earlier = on_earlier
        self._next_dues: list[Callable[[], float]] = []

    def watch(self, next_due: Callable[[], float]) -> None:
        """Include these deadlines; their owner calls `bring_forward` when one is before ``due``."""
        self._next_dues.append(next_due)

    def bring_forward(self, due: float) -> None:
        self.due = due
        self._on_earlier(due)

    def next_due(self) -> float:
        """The time of the next deadline; FOREVER if there is none."""
        self.due = min([next_due() for next_due in self._next_dues], default=FOREVER)
        return self.due


class Deadlines(Generic[K]):
    """At most one deadline for each key. Withdrawn ones stay in the heap until they surface, or outnumber the rest."""

    def __init__(self, alarm: Alarm | None = None) -> None:
        self._due: dict[K, float] = {}
        self._heap: list[tuple[float, K]] = []
        self._alarm = alarm or Alarm()
        self._alarm.watch(self.next_due)

    def __len__(self) -> int:
        return len(self._due)

    def get(self, key: K) -> float:
        """The deadline of a key; FOREVER if it has none."""
        return self._due.get(key, FOREVER)

    def set(self, key: K, due: float) -> None:
        """Set or move a deadline; FOREVER removes it."""
        if due == FOREVER:
            self.discard(key)
            return
        self._due[key] = due
        heapq.heappush(self._heap, (due, key))
        if due < self._alarm.due:
            self._alarm.bring_forward(due)
        if len(self._heap) > 2 * len(self._due) + 64:
            self._heap = [(each, key) for key, each in self._due.items()]
            heapq.heapify(self._heap)

    def discard(self, key: K) -> None:
        """Withdraw a deadline, if there is one."""
        self._due.pop(key, None)

    def next_due(self) -> float:
        """The time of the next deadline; FOREVER if there is none."""
        heap = self._heap
        while heap and self._due.get(heap[0][1]) != heap[0][0]:
            heapq.heappop(heap)
        return heap[0][0] if heap else FOREVER

    def first(self) -> K | None:
        """The key with the next deadline."""
        return None if self.next_due() == FOREVER else self._heap[0][1]

    def take_due(self, now: float) -> Iterator[K]:
        """Each key whose deadline has passed, earliest first; its deadline is removed."""
        while self.next_due() <= now:
            _, key = heapq.heappop(self._heap)
            del self._due[key]
            yield key
