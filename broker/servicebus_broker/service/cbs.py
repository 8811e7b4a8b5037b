"""Claims-based security (``$cbs``): every token is accepted, as in the official emulator."""

from servicebus_broker.amqp.values import Int
from servicebus_broker.service.errors import Failure, status_of
from servicebus_broker.service.requests import RequestNode, Response

_ACCEPTED = 202


class TokenRequests(RequestNode):
    """Answers ``put-token``."""

    def answer(self, operation: str, body: object) -> Response:
        return Response(_ACCEPTED)

    def failed(self, failure: Failure) -> Response:
        return Response(status_of(failure), None, failure)

    def properties(self, response: Response) -> dict[object, object]:
        description = response.failure.description if response.failure else "Accepted"
        return {"status-code": Int(response.status), "status-description": description}
