"""Attempts, answers and deliveries of clients while a broker was killed again and again."""

from collections import defaultdict
from dataclasses import dataclass, field


@dataclass
class Ledger:
    """One queue. A message is identified by its text. Its sender repeats it until it is accepted, so it may be there
    twice.
    """

    attempts: int = 0
    accepted: set[str] = field(default_factory=set)
    doubtful: set[str] = field(default_factory=set)
    """Sent at least once without an answer."""
    deliveries: int = 0
    copies: dict[str, set[int]] = field(default_factory=lambda: defaultdict(set))
    """The sequence numbers under which a text was delivered."""
    removals: set[str] = field(default_factory=set)
    """Completed, as far as was asked; the answer may be missing."""
    removed: set[int] = field(default_factory=set)
    """The sequence numbers of which a completion was answered."""
    returned: list[int] = field(default_factory=list)
    """Delivered after that."""
    first_deliveries: list[str] = field(default_factory=list)

    def sending(self, texts: list[str]) -> None:
        self.attempts += len(texts)

    def answered(self, texts: list[str]) -> None:
        self.accepted.update(texts)

    def unanswered(self, texts: list[str]) -> None:
        self.doubtful.update(texts)

    def delivered(self, text: str, number: int) -> None:
        self.deliveries += 1
        if number in self.removed:
            self.returned.append(number)
        if text not in self.copies:
            self.first_deliveries.append(text)
        self.copies[text].add(number)

    def completing(self, text: str) -> None:
        self.removals.add(text)

    def completed(self, number: int) -> None:
        self.removed.add(number)

    def lost(self, left: set[str]) -> set[str]:
        """Accepted messages that nobody asked to complete and that are not ``left`` in the end."""
        return self.accepted - self.removals - left

    def duplicated(self) -> set[str]:
        """Messages that were stored more than once."""
        return {text for text, numbers in self.copies.items() if len(numbers) > 1}

    def figures(self) -> dict[str, int]:
        """Counts for a report."""
        return {
            "attempted": self.attempts,
            "acknowledged": len(self.accepted),
            "delivered": self.deliveries,
            "completed": len(self.removed),
            "returned": len(self.returned),
            "duplicated": len(self.duplicated()),
        }
