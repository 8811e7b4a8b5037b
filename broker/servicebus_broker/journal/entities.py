"""Which queues the journal knows, and by which numbers its records mean them."""

from __future__ import annotations

from collections.abc import Iterable

from servicebus_broker.journal.definitions import Definition
from servicebus_broker.journal.records import Sink, defined_record, deleted_record
from servicebus_broker.queues.settings import QueueSettings


class Entities:
    """Definitions by number; every change becomes a record. Names are not case-sensitive."""

    def __init__(self, definitions: dict[int, Definition], sink: Sink) -> None:
        self._definitions = definitions
        self._numbers = {each.settings.name.lower(): number for number, each in definitions.items()}
        self._next_number = max(definitions, default=0) + 1
        self._sink = sink

    def settings(self) -> list[QueueSettings]:
        """The queues there are."""
        return [each.settings for each in self._definitions.values()]

    def records(self) -> bytes:
        """All definitions. They are written more than once, as no other record means anything without them."""
        return b"".join(defined_record(number, each) for number, each in self._definitions.items())

    def number(self, name: str) -> int:
        """What records mean the queue by."""
        return self._numbers[name.lower()]

    def configure(self, configured: Iterable[QueueSettings]) -> dict[int, str]:
        """Have the configuration's queues as it says; returns, by number, the names of those that left it."""
        settings = {each.name.lower(): each for each in configured}
        for each in settings.values():
            self._define(Definition(each, configured=True))
        return {
            number: each.settings.name
            for number, each in self._definitions.items()
            if each.configured and each.settings.name.lower() not in settings
        }

    def create(self, settings: QueueSettings) -> int:
        """A queue that the configuration does not know."""
        return self._define(Definition(settings, configured=False))

    def update(self, settings: QueueSettings) -> None:
        """Other settings for a queue."""
        self._define(Definition(settings, self._definitions[self.number(settings.name)].configured))

    def delete(self, name: str) -> None:
        """The queue is gone; its number is not given out again."""
        number = self._numbers.pop(name.lower())
        del self._definitions[number]
        self._sink.emit(deleted_record(number))

    def _define(self, definition: Definition) -> int:
        name = definition.settings.name.lower()
        number = self._numbers.get(name)
        if number is None:
            number = self._numbers[name] = self._next_number
            self._next_number += 1
        if self._definitions.get(number) != definition:
            self._definitions[number] = definition
            self._sink.emit(defined_record(number, definition))
        return number
