"""The queues that the journal knows, and their numbers in its records."""

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
        """The settings of all queues."""
        return [each.settings for each in self._definitions.values()]

    def records(self) -> bytes:
        """The records of all definitions. They are written again in each file, because other records refer to them."""
        return b"".join(defined_record(number, each) for number, each in self._definitions.items())

    def number(self, name: str) -> int:
        """The number of a queue in records."""
        return self._numbers[name.lower()]

    def find(self, name: str) -> tuple[int, QueueSettings] | None:
        """The number and the settings of a queue, if it is defined."""
        number = self._numbers.get(name.lower())
        return None if number is None else (number, self._definitions[number].settings)

    def configure(self, configured: Iterable[QueueSettings]) -> dict[int, str]:
        """Define the configured queues; returns, by number, the names of queues that left the configuration."""
        settings = {each.name.lower(): each for each in configured}
        for each in settings.values():
            self._define(Definition(each, configured=True))
        return {
            number: each.settings.name
            for number, each in self._definitions.items()
            if each.configured and each.settings.name.lower() not in settings
        }

    def create(self, settings: QueueSettings) -> int:
        """Define a queue that is not in the configuration; returns its number."""
        return self._define(Definition(settings, configured=False))

    def update(self, settings: QueueSettings) -> None:
        """Change the settings of a queue."""
        self._define(Definition(settings, self._definitions[self.number(settings.name)].configured))

    def delete(self, name: str) -> None:
        """Delete a queue; its number is not used again."""
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
