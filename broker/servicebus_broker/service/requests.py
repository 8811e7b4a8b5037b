"""Request-response: a request with an operation and a body, answered by a message with a status."""

from __future__ import annotations

from dataclasses import dataclass

from servicebus_broker.amqp.errors import AmqpError
from servicebus_broker.amqp.incoming import IncomingLink, MessageReceived
from servicebus_broker.amqp.sections import read_application_properties, read_sections, read_value_body, write_response
from servicebus_broker.queues.errors import QueueError
from servicebus_broker.service.addresses import Address
from servicebus_broker.service.errors import Failure
from servicebus_broker.service.nodes import IncomingNode, NodeOwner


@dataclass(frozen=True, slots=True)
class Response:
    """The answer to a request; ``failure`` if it failed."""

    status: int
    body: object = None
    failure: Failure | None = None


class RequestNode(IncomingNode):
    """The request half of a pair."""

    def __init__(self, link: IncomingLink, peer: NodeOwner, address: Address) -> None:
        super().__init__(link)
        self.peer = peer
        self.address = address

    def handle(self, event: MessageReceived) -> None:
        sections = read_sections(event.payload)
        try:
            operation = read_application_properties(sections).get("operation")
            response = self.answer(operation if isinstance(operation, str) else "", read_value_body(sections))
        except (AmqpError, QueueError) as failure:
            response = self.failed(failure)
        encoded = write_response(sections.message_id, self.properties(response), response.body)
        self.peer.reply(self.link, self.address, encoded)

    def answer(self, operation: str, body: object) -> Response:
        """Do the operation. Raises AmqpError or QueueError."""
        raise NotImplementedError

    def failed(self, failure: Failure) -> Response:
        """The response to a request that failed."""
        raise NotImplementedError

    def properties(self, response: Response) -> dict[object, object]:
        """The application properties of a response; each kind of node has its own names."""
        raise NotImplementedError
