"""Duplicate detection: the message ids seen within a window."""

from collections import OrderedDict
from collections.abc import Mapping


class DuplicateHistory:
    """Remembers each id for ``window`` seconds from when it was first seen."""

    def __init__(self, window: float) -> None:
        self.window = window
        self._seen: OrderedDict[str, float] = OrderedDict()

    def __len__(self) -> int:
        return len(self._seen)

    def is_duplicate(self, message_id: str, now: float) -> bool:
        """Whether the id was seen within the window; if not, it is added."""
        self._forget(now)
        if message_id in self._seen:
            return True
        self._seen[message_id] = now
        return False

    def seen(self, now: float) -> dict[str, float]:
        """The ids seen within the window, and when."""
        self._forget(now)
        return dict(self._seen)

    def restore(self, seen: Mapping[str, float]) -> None:
        """Add the ids that `seen` returned."""
        self._seen.update(seen)

    def _forget(self, now: float) -> None:
        # All ids have the same window, so the oldest is always first.
        while self._seen and next(iter(self._seen.values())) + self.window <= now:
            self._seen.popitem(last=False)
