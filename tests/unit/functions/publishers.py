"""A publisher that tests read."""

from dataclasses import dataclass, field
from datetime import datetime

from functions.contracts import AnyMessage
from functions.errors import Unavailable


@dataclass(frozen=True)
class Published:
    queue: str
    message: AnyMessage
    at: datetime | None = None
    may_share: bool = False
    in_flight: int = 0


@dataclass
class RecordingPublisher:
    """Implements `Publisher`: keeps what it is given, or is unavailable."""

    max_message_bytes: int = 1000
    available: bool = True
    published: list[Published] = field(default_factory=list)

    async def publish(
        self,
        queue: str,
        message: AnyMessage,
        at: datetime | None = None,
        *,
        may_share: bool = False,
        in_flight: int = 0,
        body: bytes = b"",
    ) -> None:
        if not self.available:
            raise Unavailable("The message bus cannot be reached; try again in a moment.")
        assert body in (b"", message.to_json())
        self.published.append(Published(queue, message, at, may_share, in_flight))
