"""Which publications share a Service Bus message, and how long the sender lingers for more of them. Pure.

Receiving and settling a message costs both ends, and the bill of Service Bus, more than a prediction does. So
predictions and their answers may share a message.
"""

from collections.abc import Iterable

from functions.errors import OnDemandError
from functions.outbox.messages import Publication

MAX_SHARED = 32
"""Commands or events in one message. A redelivery repeats them all, and one replica gets them all at once."""
LINGER_PER_REQUEST_S, MAX_LINGER_S = 0.0005, 0.010


class SharedMessage:
    """The publications of one Service Bus message."""

    def __init__(self, publication: Publication) -> None:
        self.publications = [publication]
        self._bytes = len(publication.body)

    def add(self, publication: Publication, max_bytes: int) -> bool:
        """Whether the message had room for the publication."""
        if len(self.publications) >= MAX_SHARED or self._bytes + len(publication.body) > max_bytes:
            return False
        self.publications.append(publication)
        self._bytes += len(publication.body)
        return True

    def accepted(self) -> None:
        for each in self.publications:
            if not each.accepted.done():
                each.accepted.set_result(None)

    def failed(self, error: OnDemandError) -> None:
        for each in self.publications:
            each.failed(error)


def pack(publications: Iterable[Publication], max_bytes: int) -> list[SharedMessage]:
    """The messages for these publications, in order. Those of one kind and one instance of predict may share one."""
    messages: list[SharedMessage] = []
    last: dict[tuple[str, str | None], SharedMessage] = {}
    for publication in publications:
        addressee = publication.message.kind, publication.session_id or publication.reply_to_session_id
        if publication.may_share and addressee in last and last[addressee].add(publication, max_bytes):
            continue
        messages.append(SharedMessage(publication))
        if publication.may_share:
            last[addressee] = messages[-1]
    return messages


def linger(in_flight: int) -> float:
    """Seconds that the sender waits for more messages while so many requests are in flight."""
    return min(in_flight * LINGER_PER_REQUEST_S, MAX_LINGER_S)
