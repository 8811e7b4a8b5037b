"""What publishes a message, as its users see it."""

from datetime import datetime
from typing import Protocol

from functions.contracts import AnyMessage


class Publisher(Protocol):
    """Publishes messages. A message was accepted once `publish` has returned."""

    @property
    def max_message_bytes(self) -> int:
        """Rows and results that are larger travel through the operation store."""

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
        """Raises Unavailable when the bus did not accept the message, RequestTooLarge when it never will.

        ``may_share`` is for a message that does no harm when it is delivered twice: the id of a shared Service Bus
        message does not keep duplicates out. ``in_flight`` is how many requests wait for an answer; the sender lingers
        longer the more there are (`MAX_LINGER_S` at most). ``body`` is the message as JSON if it is written already.
        """
