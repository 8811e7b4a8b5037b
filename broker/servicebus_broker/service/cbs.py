"""Claims-based security (``$cbs``): a client puts the tokens that allow what it does next on its connection."""

from __future__ import annotations

from typing import Protocol

from servicebus_broker.amqp.incoming import IncomingLink
from servicebus_broker.amqp.values import Int
from servicebus_broker.queues.errors import ArgumentError
from servicebus_broker.service.addresses import Address
from servicebus_broker.service.errors import Failure, status_of
from servicebus_broker.service.nodes import NodeOwner
from servicebus_broker.service.requests import RequestNode, Response

_ACCEPTED = 202
_MAX_REQUEST = 64 * 1024


class TokenOwner(NodeOwner, Protocol):
    """A peer that has to prove what it may do."""

    def put_token(self, token: str) -> None:
        """Raises UnauthorizedError for a token that is not valid."""


class TokenRequests(RequestNode):
    """Answers ``put-token``. The link takes no large messages, as its client is not known yet."""

    def __init__(self, link: IncomingLink, peer: TokenOwner, address: Address) -> None:
        super().__init__(link, peer, address)
        link.max_message_size = min(link.max_message_size, _MAX_REQUEST)
        self._owner = peer

    def answer(self, operation: str, body: object) -> Response:
        if not isinstance(body, str):
            raise ArgumentError("The request's body is not a token.")
        self._owner.put_token(body)
        return Response(_ACCEPTED)

    def failed(self, failure: Failure) -> Response:
        return Response(status_of(failure), None, failure)

    def properties(self, response: Response) -> dict[object, object]:
        description = response.failure.description if response.failure else "Accepted"
        return {"status-code": Int(response.status), "status-description": description}
