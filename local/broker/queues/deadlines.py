"""Things that are due at a time: O(log n) to set, and to find the next one."""

import heapq
from collections.abc import Iterator
from typing import Generic, TypeVar

from local.broker.queues.settings import FOREVER

K = TypeVar("K", int, str, bytes)


class Deadlines(Generic[K]):
    """At most one deadline a key. Withdrawn ones stay in the heap until they surface, or outnumber the rest."""

    def __init__(self) -> None:
        self._due: dict[K, float] = {}
        self._heap: list[tuple[float, K]] = []

    def __len__(self) -> int:
        return len(self._due)

    def set(self, key: K, due: float) -> None:
        """Set or move a deadline; one that is never due is not kept."""
        if due == FOREVER:
            self.discard(key)
            return
        self._due[key] = due
        heapq.heappush(self._heap, (due, key))
        if len(self._heap) > 2 * len(self._due) + 64:
            self._heap = [(each, key) for key, each in self._due.items()]
            heapq.heapify(self._heap)

    def discard(self, key: K) -> None:
        """Withdraw a deadline, if there is one."""
        self._due.pop(key, None)

    def next_due(self) -> float:
        """When the next deadline is; FOREVER if there is none."""
        heap = self._heap
        while heap and self._due.get(heap[0][1]) != heap[0][0]:
            heapq.heappop(heap)
        return heap[0][0] if heap else FOREVER

    def take_due(self, now: float) -> Iterator[K]:
        """Each key whose deadline has come, earliest first; it is withdrawn."""
        while self.next_due() <= now:
            _, key = heapq.heappop(self._heap)
            del self._due[key]
            yield key
