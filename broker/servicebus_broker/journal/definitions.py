"""The definition of a queue, as the journal keeps it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields, replace

from servicebus_broker.queues.settings import EntityStatus, QueueSettings

_KNOWN = {each.name for each in fields(QueueSettings)}


@dataclass(frozen=True, slots=True)
class Definition:
    """A queue's settings. A ``configured`` queue comes from the configuration, and is deleted when it is no longer
    there.
    """

    settings: QueueSettings
    configured: bool

    def to_json(self) -> bytes:
        """Infinite durations are ``Infinity``."""
        settings = asdict(self.settings) | {"status": self.settings.status.value}
        return json.dumps({"configured": self.configured, "settings": settings}).encode()

    @classmethod
    def from_json(cls, data: bytes) -> Definition:
        """Unknown settings are ignored, missing ones have their default."""
        document = json.loads(data)
        known = {key: value for key, value in document["settings"].items() if key in _KNOWN}
        settings = QueueSettings(**known)
        return cls(replace(settings, status=EntityStatus(settings.status)), document["configured"])
