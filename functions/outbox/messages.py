"""A Service Bus message of ours: its body and its properties."""

import asyncio
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from azure.servicebus import ServiceBusMessage

from functions.contracts import AnyMessage, Event, Unread, command_of
from functions.errors import OnDemandError

OPERATIONS = "operations"
"""Application property of a shared message: the operations of its commands, should its body be unreadable."""


@dataclass
class Publication:
    """A message on its way to the bus. Its fields are the arguments of `Publisher.publish`."""

    message: AnyMessage
    at: datetime | None = None
    may_share: bool = False
    in_flight: int = 0
    body: bytes = b""
    accepted: asyncio.Future[None] = field(default_factory=lambda: asyncio.get_running_loop().create_future())

    def __post_init__(self) -> None:
        self.body = self.body or self.message.to_json()

    def failed(self, error: OnDemandError) -> None:
        """The end of the wait for `accepted`, if it has not ended."""
        if not self.accepted.done():
            self.accepted.set_exception(error)

    @property
    def session_id(self) -> str | None:
        if isinstance(self.message, Unread):
            return self.message.session_id
        return self.message.reply_to_session if isinstance(self.message, Event) else None

    @property
    def reply_to_session_id(self) -> str | None:
        if isinstance(self.message, Unread):
            return self.message.reply_to_session_id
        return None if isinstance(self.message, Event) else command_of(self.message).reply_to_session

    @property
    def operation_id(self) -> str | None:
        message = self.message
        if isinstance(message, Unread):
            return message.correlation_id
        return message.operation.operation_id if isinstance(message, Event) else command_of(message).operation

    @property
    def properties(self) -> Mapping[str, str]:
        """The application properties of the message when it goes alone."""
        message = self.message
        if isinstance(message, Unread):
            return message.properties
        traceparent = message.traceparent if isinstance(message, Event) else command_of(message).traceparent
        return {"traceparent": traceparent} if traceparent else {}


def encode(publications: Sequence[Publication]) -> ServiceBusMessage:
    """The Service Bus message of one publication, or of several of one kind that share it.

    The properties name the clients, because a dead letter's body may be unreadable.
    """
    first = publications[0]
    if len(publications) == 1:
        body, message_id, operation_id = first.body, first.message.message_id, first.operation_id
        properties = first.properties
    else:
        body, message_id, operation_id = _json_list(publications), uuid.uuid4().hex, None
        properties = {OPERATIONS: ",".join(str(each.operation_id) for each in publications)}
    return ServiceBusMessage(
        body,
        content_type="application/json",
        subject=first.message.kind,
        message_id=message_id,
        correlation_id=operation_id,
        session_id=first.session_id,
        reply_to_session_id=first.reply_to_session_id,
        scheduled_enqueue_time_utc=first.at,
        application_properties=dict(properties.items()),
    )


def _json_list(publications: Sequence[Publication]) -> bytes:
    return b"[" + b",".join(each.body for each in publications) + b"]"
